import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.errors import UsageError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import EventSettings, TagEvent, TagTracker
from earmark.realtime.detection.smoothing import hysteresis_step, smooth_step

PLAIN = EventSettings(smoothing=0, release=1.0, minimum_duration=0, merge_gap=0)
probabilities = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)


def results(values: np.ndarray, hop: float = 0.1) -> list[WindowResult]:
    """Windows of (windows, tags) probabilities, two branches of which the second is surer."""
    found = []
    for i, row in enumerate(np.asarray(values, np.float32)):
        start = round(i * hop * 16_000)
        branches = np.stack([0.5 * row, 0.9 * row])
        found.append(WindowResult(start, start + 16_000, row, branches, inference_seconds=0.0))
    return found


def track(
    values: np.ndarray,
    event_settings: EventSettings = PLAIN,
    threshold: float = 0.5,
    hop: float = 0.1,
) -> list[TagEvent]:
    values = np.asarray(values, np.float32)
    tags = [f"tag {i}" for i in range(values.shape[1])]
    thresholds = np.full(len(tags), threshold, np.float32)
    tracker = TagTracker(tags, ("a", "b"), thresholds, hop=hop, settings=event_settings)
    events = [event for r in results(values, hop) for event in tracker.update(r)]
    return events + tracker.flush()


def windows_hearing(start: float, end: float, count: int, hop: float = 0.1) -> np.ndarray:
    """Probability of each window as the share of it that a sound fills, (count, 1)."""
    starts = np.arange(count) * hop
    overlap = np.minimum(starts + 1, end) - np.maximum(starts, start)
    return np.clip(overlap, 0, 1)[:, None]


@settings(derandomize=True, deadline=None)
@given(probabilities, st.floats(0, 5))
def test_smoothing_stays_between_what_it_smooths(values: list[float], time_constant: float) -> None:
    smoothed = None
    for value in values:
        new = np.array([value], np.float32)
        smoothed = smooth_step(smoothed, new, seconds=0.1, time_constant=time_constant)
        assert min(values) - 1e-6 <= smoothed[0] <= max(values) + 1e-6


@settings(derandomize=True, deadline=None)
@given(probabilities, st.floats(0, 1, width=32))
def test_smoothing_is_monotone_in_its_input(values: list[float], lift: float) -> None:
    low = high = None
    for value in values:
        raised = np.array([min(1.0, value + lift)], np.float32)
        low = smooth_step(low, np.array([value], np.float32), seconds=0.1, time_constant=0.3)
        high = smooth_step(high, raised, seconds=0.1, time_constant=0.3)
        assert high[0] >= low[0] - 1e-6


def test_smoothing_goes_63_percent_of_the_way_in_its_time_constant() -> None:
    old, new = np.zeros(1, np.float32), np.ones(1, np.float32)
    step = smooth_step(old, new, seconds=0.4, time_constant=0.4)
    assert step[0] == pytest.approx(1 - np.exp(-1))


def test_two_half_steps_are_one_step() -> None:
    old, new = np.zeros(1, np.float32), np.ones(1, np.float32)
    half = smooth_step(old, new, seconds=0.1, time_constant=0.3)
    twice = smooth_step(half, new, seconds=0.1, time_constant=0.3)
    whole = smooth_step(old, new, seconds=0.2, time_constant=0.3)
    np.testing.assert_allclose(twice, whole, rtol=1e-6)


def test_hysteresis_turns_on_at_the_threshold_and_off_below_its_share() -> None:
    active = np.zeros(1, np.bool_)
    states = []
    for value in (0.45, 0.5, 0.45, 0.36, 0.34, 0.45):
        active = hysteresis_step(
            active,
            np.array([value], np.float32),
            thresholds=np.array([0.5], np.float32),
            release=0.7,
        )
        states.append(bool(active[0]))
    assert states == [False, True, True, True, False, False]


def test_event_begins_and_ends_near_the_sounds_own_edges() -> None:
    (event,) = track(windows_hearing(2.0, 5.0, count=70))
    assert event.start == pytest.approx(2.0, abs=0.1)
    assert event.end == pytest.approx(5.0, abs=0.1)


def test_sound_from_first_to_last_sample_fills_the_stream() -> None:
    (event,) = track(np.ones((31, 1)))
    assert (event.start, event.end) == (0.0, 4.0)


def test_hops_of_a_second_give_events_without_gaps() -> None:
    (event,) = track(np.array([[0.0], [1.0], [1.0], [0.0]]), hop=1.0)
    assert (event.start, event.end) == (1.0, 3.0)


def test_same_sound_is_reported_once() -> None:
    flicker = np.tile([0.9, 0.4], 20)[:, None]
    assert len(track(flicker)) > 5
    merged = EventSettings(smoothing=0, release=1.0, minimum_duration=0, merge_gap=0.3)
    assert len(track(flicker, merged)) == 1


def test_gap_longer_than_the_merge_gap_parts_events() -> None:
    values = np.zeros((60, 1))
    values[10:20] = values[30:40] = 0.9
    together = EventSettings(smoothing=0, release=1.0, minimum_duration=0, merge_gap=1.05)
    apart = EventSettings(smoothing=0, release=1.0, minimum_duration=0, merge_gap=0.95)
    assert len(track(values, together)) == 1
    assert len(track(values, apart)) == 2


def test_short_event_is_dropped_after_merging_not_before() -> None:
    values = np.zeros((40, 1))
    values[10:12] = values[14:16] = 0.9
    long_enough = EventSettings(smoothing=0, release=1.0, minimum_duration=0.5, merge_gap=0.25)
    too_far_apart = EventSettings(smoothing=0, release=1.0, minimum_duration=0.5, merge_gap=0.1)
    assert len(track(values, long_enough)) == 1
    assert track(values, too_far_apart) == []


def test_event_tells_peak_mean_and_surest_branch() -> None:
    values = np.zeros((30, 1))
    values[10:12, 0] = 0.6, 0.8
    (event,) = track(values)
    assert event.tag == "tag 0"
    assert event.peak == pytest.approx(0.8)
    assert event.mean == pytest.approx(0.7)
    assert event.branch == "b"


def test_event_is_reported_as_soon_as_nothing_can_join_it() -> None:
    values = np.zeros((30, 1))
    values[5:10] = 0.9
    waiting = EventSettings(smoothing=0, release=1.0, minimum_duration=0, merge_gap=0.5)
    thresholds = np.array([0.5], np.float32)
    tracker = TagTracker(["t"], ("a", "b"), thresholds, hop=0.1, settings=waiting)
    reported = [i for i, r in enumerate(results(values)) if tracker.update(r)]
    assert reported == [pytest.approx(16, abs=1)]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.45, 0.9]), min_size=2, max_size=2), min_size=1, max_size=50
    )
)
def test_tags_do_not_disturb_each_other(values: list[list[float]]) -> None:
    array = np.array(values)
    together = track(array, EventSettings())
    first, second = track(array[:, :1], EventSettings()), track(array[:, 1:], EventSettings())

    def spans(events: list[TagEvent], tag: str) -> list[tuple[float, float]]:
        return sorted((event.start, event.end) for event in events if event.tag == tag)

    assert spans(together, "tag 0") == spans(first, "tag 0")
    assert spans(together, "tag 1") == spans(second, "tag 0")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([0.0, 0.9]), min_size=1, max_size=60))
def test_tracking_as_it_comes_equals_looking_at_the_whole(values: list[float]) -> None:
    active = np.array(values) >= 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    spans = []
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        start = 0.0 if first == 0 else 0.1 * first + 0.45
        end = 0.1 * last + (1.0 if last == len(values) - 1 else 0.55)
        if spans and start - spans[-1][1] <= 0.35:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    merged = EventSettings(smoothing=0, release=1.0, minimum_duration=0, merge_gap=0.35)
    found = [[event.start, event.end] for event in track(np.array(values)[:, None], merged)]
    np.testing.assert_allclose(np.array(found).reshape(-1), np.array(spans).reshape(-1), atol=1e-6)


def test_memory_does_not_grow_with_the_stream() -> None:
    thresholds = np.array([0.5], np.float32)
    tracker = TagTracker(["t"], ("a", "b"), thresholds, hop=0.1, settings=PLAIN)
    for r in results(np.tile([0.9, 0.9, 0.1, 0.1], 500)[:, None]):
        tracker.update(r)
    assert len(tracker._spans) + len(tracker._waiting) <= 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smoothing", -1.0),
        ("minimum_duration", float("nan")),
        ("merge_gap", -0.1),
        ("release", 0.0),
        ("release", 1.1),
    ],
)
def test_each_setting_is_checked_by_itself(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        EventSettings(**{name: value})
