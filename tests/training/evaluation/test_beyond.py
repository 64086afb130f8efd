from pathlib import Path

import numpy as np
import pytest

from earmark.models.timebase import SAMPLE_RATE
from earmark.models.vocabulary import TagVocabulary
from earmark.training.data.corpus import Clip
from earmark.training.evaluation.bootstrap import compare, weighted_maps
from earmark.training.evaluation.confusions import Confusion, confusions
from earmark.training.evaluation.robustness import DEFORMATIONS, deformed
from earmark.training.evaluation.sources import ALL, measure_sources
from earmark.training.metrics import mean_average_precision

GENERATOR = np.random.default_rng(3)
TARGETS = (GENERATOR.random((200, 6)) < 0.2).astype(np.float32)
NOISE = GENERATOR.random((200, 6)).astype(np.float32)
GOOD = (NOISE + 0.5 * TARGETS).astype(np.float32)


def test_weights_of_one_give_the_plain_mean_average_precision() -> None:
    (found,) = weighted_maps(NOISE, TARGETS, [np.ones(200)])
    assert found == pytest.approx(mean_average_precision(NOISE, TARGETS), abs=1e-9)


def test_weight_counts_a_clip_as_often_as_it_was_drawn() -> None:
    drawn = np.random.default_rng(5).integers(0, 200, 200)
    (found,) = weighted_maps(NOISE, TARGETS, [np.bincount(drawn, minlength=200).astype(float)])
    # Copies of a clip tie, and of tied rows the library sums all at once.
    assert found == pytest.approx(mean_average_precision(NOISE[drawn], TARGETS[drawn]), abs=0.02)


def test_better_model_is_above_the_other_in_its_whole_interval() -> None:
    own, gain = compare(GOOD, NOISE, TARGETS, resamples=200)
    assert own.low < own.value < own.high
    assert 0 < gain.low < gain.value < gain.high


def test_interval_of_two_models_that_differ_by_chance_holds_nothing() -> None:
    other = np.random.default_rng(9).random(NOISE.shape).astype(np.float32)
    _, gain = compare(NOISE, other, TARGETS, resamples=200)
    assert gain.low < 0 < gain.high


def test_clip_stands_for_its_rarest_tag_and_is_confused_with_what_it_does_not_carry() -> None:
    names = ("Animal", "Bark", "Rain")
    targets = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], np.float32)
    likeliest = [2, 0, 0, 0, 1]
    found = confusions(np.eye(3, dtype=np.float32)[likeliest], targets, names)
    assert found == [Confusion("Bark", "Rain", 1, 2), Confusion("Rain", "Animal", 1, 1)]


def test_sources_are_measured_apart_and_together() -> None:
    vocabulary = TagVocabulary(("Cat", "Dog", "Rare"), ("", "", ""))
    clips = [
        Clip(Path(f"{source}/{i}.wav"), (tag,), "1", f"{source}{i}")
        for source, tags in (("easy", "Cat Dog Cat Dog Cat"), ("hard", "Cat Dog Rare"))
        for i, tag in enumerate(tags.split())
    ]
    targets = np.array(
        [[tag in clip.labels for tag in vocabulary.names] for clip in clips], np.float32
    )
    scores = targets.copy()
    scores[5:7] = scores[5:7, [1, 0, 2]]
    found = measure_sources(clips, scores, targets, vocabulary, minimum_clips=2)
    assert list(found) == [ALL, "easy", "hard"]
    assert found["easy"]["map"] == 100
    assert found["easy"]["mostly"] == ""
    # The clip of the rare tag has no tag that is measured.
    assert found["hard"]["clips"] == 2
    assert found["hard"]["map"] < 100
    assert found["hard"]["mostly"] == "Cat taken for Dog (1 of 1)"


@pytest.mark.filterwarnings("ignore")  # of the library's own
@pytest.mark.parametrize("deformation", DEFORMATIONS)
def test_deformation_changes_the_sound_the_same_way_each_time(deformation: str) -> None:
    pytest.importorskip("audiomentations")
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * seconds) + 0.1 * np.sin(2 * np.pi * 6000 * seconds)
    clips = [tone.astype(np.float32), np.zeros(8_000, np.float32)]
    first, again = deformed(clips, deformation), deformed(clips, deformation)
    assert [len(clip) for clip in first] == [16_000, 8_000]
    np.testing.assert_array_equal(first[0], again[0])
    assert np.isfinite(first[0]).all()
    assert np.abs(first[0] - clips[0]).max() > 0.01
    assert not first[1].any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("decibels", "name"), [(15, "noise at 15 dB"), (0, "noise at 0 dB")])
def test_noise_has_the_level_that_its_name_says(decibels: int, name: str) -> None:
    pytest.importorskip("audiomentations")
    clip = np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    noise = deformed([clip], name)[0] - clip
    assert 10 * np.log10(np.mean(clip**2) / np.mean(noise**2)) == pytest.approx(decibels, abs=0.3)
