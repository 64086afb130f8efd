from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.training.data.teachers import Heard
from earmark.training.learning.ensemble import ClassMap, Ensemble

SPEECH, MAN_SPEAKING, COUGH, SNEEZE = "/m/09x0r", "/m/05zppz", "/m/01b_21", "/m/01hsr_"
RESPIRATORY, BASSOON = "/m/09hlz4", "/m/01c3q"


def heard(mn04: NDArray[np.floating], yamnet: NDArray[np.floating]) -> Heard:
    """Say the logits of the first classes of each; nothing is heard of the rest."""
    n = len(mn04)
    logits = np.full((n, 527), -9.0, np.float32), np.full((n, 521), -9.0, np.float32)
    for all_, own in zip(logits, (mn04, yamnet), strict=True):
        all_[:, : own.shape[1]] = own
    return Heard(*logits, np.zeros((n, 384), np.float32))


def of_speech(scale: float = 1.0, bias: float = 0.0) -> Ensemble:
    both = np.ones((2, 1), np.float32)
    return Ensemble(ClassMap.of([SPEECH], [[]]), scale * both, bias * both)


def drawn(
    n: int, seed: int = 0, rate: float = -2.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Honest logits of a tag, and whether it is there."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(rate, 2.0, (n, 1)).astype(np.float32)
    there = generator.random((n, 1)) < 1 / (1 + np.exp(-logits))
    return logits, there.astype(np.float32)


def every(n: int) -> NDArray[np.int64]:
    return np.arange(n)


# Classes


def test_a_tag_is_its_own_class_where_a_teacher_has_one() -> None:
    classes = ClassMap.of([SPEECH], [[COUGH]])
    assert classes.mn04 == classes.yamnet == ((0,),)


def test_a_tag_without_a_class_is_the_loudest_of_what_lies_below() -> None:
    classes = ClassMap.of([RESPIRATORY], [[COUGH, SNEEZE]])
    said = heard(np.zeros((1, 1)), np.zeros((1, 1)))
    said.mn04[0, list(classes.mn04[0])] = [1.5, -2.0]
    assert classes.logits(said)[0, 0, 0] == pytest.approx(1.5)


def test_what_a_teacher_has_no_class_for_it_does_not_know() -> None:
    logits = ClassMap.of([MAN_SPEAKING, BASSOON], [[], []]).logits(
        heard(np.zeros((1, 2)), np.zeros((1, 2)))
    )
    assert np.isnan(logits).tolist() == [[[False, True]], [[True, True]]]


# What both say together


def test_two_teachers_that_agree_say_what_each_says() -> None:
    said = of_speech().probabilities(heard(np.full((1, 1), 1.2), np.full((1, 1), 1.2)))
    assert said[0, 0] == pytest.approx(1 / (1 + np.exp(-1.2)))


def test_a_tag_that_one_teacher_knows_is_what_that_one_says_and_that_none_knows_unknown() -> None:
    classes = ClassMap.of([MAN_SPEAKING, BASSOON], [[], []])
    both = Ensemble(classes, np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32))
    said = both.probabilities(heard(np.full((1, 2), 0.7), np.full((1, 2), -3.0)))
    assert said[0, 0] == pytest.approx(1 / (1 + np.exp(-0.7)))
    assert np.isnan(said[0, 1])


# Fitting


def test_teachers_that_are_too_timid_are_made_honest() -> None:
    honest, there = drawn(4_000)
    fitted = Ensemble.fit(
        ClassMap.of([SPEECH], [[]]),
        heard(0.5 * honest - 2, 0.5 * honest - 2),
        there,
        np.ones_like(there, bool),
        every(4_000),
    )
    said = fitted.probabilities(heard(0.5 * honest - 2, 0.5 * honest - 2))
    assert said.mean() == pytest.approx(there.mean(), abs=0.01)
    assert said == pytest.approx(1 / (1 + np.exp(-honest)), abs=0.06)


def test_the_better_teacher_is_not_drowned_by_one_that_guesses() -> None:
    honest, there = drawn(4_000)
    guess = np.random.default_rng(1).normal(0, 3, honest.shape).astype(np.float32)
    fitted = Ensemble.fit(
        ClassMap.of([SPEECH], [[]]),
        heard(honest, guess),
        there,
        np.ones_like(there, bool),
        every(4_000),
    )
    assert fitted.scale[0, 0] > 4 * fitted.scale[1, 0]


def test_a_tag_that_few_collections_mark_is_not_expected_everywhere() -> None:
    # In the one collection that marks it, it always sounds; a teacher is unsure of all.
    there = np.repeat(np.array([[1.0], [0.0]], np.float32), [100, 900], axis=0)
    unsure = np.where(there > 0, 0.0, -1.0).astype(np.float32)
    fitted = Ensemble.fit(
        ClassMap.of([SPEECH], [[]]),
        heard(unsure, unsure),
        there,
        there > 0,
        every(1_000),
    )
    elsewhere = fitted.probabilities(heard(unsure[100:], unsure[100:]))
    assert elsewhere.mean() < 0.25


def test_a_tag_without_labels_is_scaled_as_the_others_are() -> None:
    honest, there = drawn(2_000)
    classes = ClassMap.of([SPEECH, COUGH], [[], []])
    fitted = Ensemble.fit(
        classes,
        heard(0.5 * honest, 0.5 * honest),
        np.hstack([there, 0 * there]),
        np.hstack([there > -1, there > 1]),
        every(2_000),
    )
    assert fitted.scale[:, 1] == pytest.approx(fitted.scale[:, 0])
    assert fitted.bias[:, 1] == pytest.approx(fitted.bias[:, 0])


# On disk


def test_what_was_fitted_is_read_back(tmp_path: Path) -> None:
    of_speech(0.7, -1.0).save(tmp_path / "kept" / "fitted.npz")
    again = Ensemble.load(tmp_path / "kept" / "fitted.npz", ClassMap.of([SPEECH], [[]]))
    assert again.scale.tolist() == of_speech(0.7).scale.tolist()
    assert again.bias.tolist() == [[-1], [-1]]


def test_what_was_fitted_for_other_tags_is_refused(tmp_path: Path) -> None:
    of_speech().save(tmp_path / "fitted.npz")
    with pytest.raises(CorpusError, match=r"fitted\.npz was fitted for 1 other tags"):
        Ensemble.load(tmp_path / "fitted.npz", ClassMap.of([COUGH], [[]]))


def test_a_broken_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "fitted.npz").write_bytes(b"PK half")
    with pytest.raises(CorpusError, match=r"fitted\.npz is no fitted ensemble"):
        Ensemble.load(tmp_path / "fitted.npz", ClassMap.of([SPEECH], [[]]))
