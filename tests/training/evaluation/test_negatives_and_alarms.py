import numpy as np
import pytest

from earmark.training.data.negatives import KINDS, negative_clips
from earmark.training.evaluation.alarms import count_alarms, measure_alarms
from earmark.training.evaluation.model import open_model


def level_db(clip: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(clip**2)))


def share_below(clip: np.ndarray, frequency: float) -> float:
    power = np.abs(np.fft.rfft(clip)) ** 2
    return float(power[np.fft.rfftfreq(len(clip), 1 / 16_000) < frequency].sum() / power.sum())


@pytest.mark.parametrize("kind", ["hum", "noise", "rumble"])
def test_negatives_are_faint(kind: str) -> None:
    assert all(-101 < level_db(clip) < -29 for clip in negative_clips(16, seed=1, kind=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_gives_the_same_negatives(kind: str) -> None:
    first, second = (negative_clips(4, seed=1, kind=kind) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    other = negative_clips(4, seed=2, kind=kind)
    assert kind == "silence" or not np.array_equal(first[0], other[0])


def test_kinds_are_what_they_are_called() -> None:
    assert not negative_clips(1, seed=0, kind="silence")[0].any()
    assert all(share_below(c, 500) > 0.9 for c in negative_clips(8, seed=0, kind="hum"))
    assert all(share_below(c, 300) > 0.95 for c in negative_clips(8, seed=0, kind="rumble"))
    for clip in negative_clips(8, seed=0, kind="clicks"):
        # A few milliseconds stand out from three seconds.
        assert 0 < (np.abs(clip) > np.abs(clip).max() / 4).sum() < 160


def test_every_kind_is_among_the_negatives_and_noise_most_often() -> None:
    clips = negative_clips(16, seed=3)
    assert sum(not clip.any() for clip in clips) == 2
    assert sum(clip.any() and share_below(clip, 300) < 0.9 for clip in clips) >= 6


def test_alarm_that_lasts_is_counted_once() -> None:
    above = np.array([[0, 1], [1, 1], [1, 0], [0, 1]], np.bool_)
    assert count_alarms(above, np.zeros(4, np.int64)) == 3


def test_alarms_do_not_go_over_from_clip_to_clip() -> None:
    above = np.ones((4, 1), np.bool_)
    assert count_alarms(above, np.array([0, 0, 1, 1])) == 2
    assert count_alarms(~above, np.array([0, 0, 1, 1])) == 0


def test_alarms_are_measured_for_each_kind_and_all(tiny_bundle_folder, monkeypatch) -> None:
    monkeypatch.setattr("earmark.training.evaluation.alarms._CLIPS_OF_A_KIND", 2)
    alarms = measure_alarms(open_model(tiny_bundle_folder, "cpu"))
    assert set(alarms) == {*KINDS, "all"}
    kinds = [alarms[kind] for kind in KINDS]
    assert alarms["all"].per_hour == pytest.approx(np.mean([kind.per_hour for kind in kinds]))
    assert alarms["all"].highest == max(kind.highest for kind in kinds)
    assert all(0 <= kind.share <= 1 and kind.per_hour <= 5 * 3600 for kind in kinds)
