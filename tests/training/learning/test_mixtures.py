from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.training.learning.mixtures import (
    Opinion,
    Sounds,
    Windows,
    at_least_children,
    make_mixtures,
    read_mixtures,
)
from earmark.training.recipe import MixtureSettings

SETTINGS = MixtureSettings(windows=1, codec=0.0, room=0.1)


def noise(seed: int, seconds: float) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return 0.1 * generator.standard_normal(round(16_000 * seconds)).astype(np.float32)


def sounds(pool: int = 2) -> Sounds:
    # Two labelled recordings, some of the pool, and one in which nothing is.
    beliefs = np.zeros((3 + pool, 2), np.float32)
    beliefs[:2] = np.eye(2)
    beliefs[3:, 0] = 0.6
    return Sounds(
        waveforms=[noise(i, 0.6 + 0.3 * i) for i in range(3 + pool)],
        beliefs=beliefs,
        is_pool=np.arange(3 + pool) > 2,
    )


def deaf(windows: NDArray[np.float32]) -> Opinion:
    return Opinion(np.zeros((len(windows), 2), np.float32), np.ones((len(windows), 3), np.float32))


def made(folder: Path, ask=deaf, settings: MixtureSettings = SETTINGS):
    return make_mixtures(
        sounds(),
        ask,
        np.zeros((2, 2), bool),
        settings,
        count=250,
        folder=folder,
        seed=3,
    )


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixtures")
    return folder, made(folder)


def test_mixtures_are_seconds_of_sound_within_full_scale(mixtures) -> None:
    _, made_ = mixtures
    assert len(made_) == 256
    for window in made_.waveforms[:50]:
        assert window.shape == (16_000,)
        assert np.abs(window).max() <= 1


def test_what_teachers_do_not_hear_at_all_is_hardly_believed_and_what_is_nowhere_not(
    mixtures,
) -> None:
    _, made_ = mixtures
    assert (made_.targets.max(axis=0) > 0.03).all()
    assert made_.targets.max() < 0.1
    assert made_.targets.min() < 1e-3


def test_an_interrupted_making_goes_on_to_the_same_mixtures(tmp_path, mixtures) -> None:
    _, whole = mixtures
    (tmp_path / "beside-1.npy").write_bytes(b"half a file")
    again = made(tmp_path)
    assert np.array_equal(again.targets, whole.targets)
    assert np.array_equal(again.waveforms[77], whole.waveforms[77])


def test_what_is_there_is_not_made_again(mixtures) -> None:
    folder, whole = mixtures

    def never(windows: NDArray[np.float32]) -> Opinion:
        raise AssertionError("asked again")

    assert np.array_equal(made(folder, ask=never).targets, whole.targets)


def test_no_mixtures_are_said_to_be_none(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="no mixtures"):
        read_mixtures(tmp_path)


def test_pool_and_silence_are_drawn_as_often_as_asked_for() -> None:
    weights = sounds(pool=3).weights(SETTINGS)
    assert weights[2] == pytest.approx(SETTINGS.untagged_share)
    assert weights[3:].sum() == pytest.approx(SETTINGS.pool_share)
    assert weights.sum() == pytest.approx(1)


def test_balance_draws_rare_tags_more_often() -> None:
    beliefs = np.array([[1, 0]] * 9 + [[0, 1]], np.float32)
    clips = Sounds([np.zeros(16_000, np.float32)] * 10, beliefs, np.zeros(10, bool))
    even = clips.weights(MixtureSettings(balance=0.0))
    balanced = clips.weights(MixtureSettings(balance=1.0))
    assert even[9] == pytest.approx(0.1)
    assert balanced[9] == pytest.approx(0.5)


def test_a_tag_is_at_least_as_likely_as_what_lies_below_it() -> None:
    parents = np.zeros((3, 3), bool)
    parents[0, 1] = parents[0, 2] = parents[1, 2] = True  # bark, dog, animal
    raised = at_least_children(np.array([[0.9, 0.2, 0.4], [0.1, 0.2, 0.3]], np.float32), parents)
    np.testing.assert_allclose(raised, [[0.9, 0.9, 0.9], [0.1, 0.2, 0.3]])


def test_windows_of_several_files_are_one_sequence() -> None:
    shards = [np.full((2, 4), i, np.float16) for i in range(3)]
    windows = Windows(shards)
    assert [window[0] for window in windows] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(IndexError, match="6 windows"):
        windows[6]
