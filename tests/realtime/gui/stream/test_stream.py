import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.detection.events import EventSettings, TagTracker
from earmark.realtime.detection.smoothing import smooth_step
from earmark.realtime.gui.stream.events import EventHistory
from earmark.realtime.gui.stream.picture import take_picture
from earmark.realtime.gui.stream.rows import RowStore
from earmark.realtime.gui.stream.spectrogram import HOP_LENGTH, N_MELS, Spectrogram
from earmark.realtime.gui.stream.stream import ObservedStream
from earmark.realtime.gui.stream.windows import WindowHistory

TAGS = ("Dog", "Rain")


def result(start: float, *values: float) -> WindowResult:
    first = round(start * SAMPLE_RATE)
    row = np.array(values, np.float32)
    return WindowResult(first, first + SAMPLE_RATE, row, np.stack([row, 1 - row]), 0.001)


class ListedHearing:
    """Brings what it was given."""

    def __init__(self, results: list[WindowResult], samples: np.ndarray) -> None:
        self.duration = len(samples) / SAMPLE_RATE
        self.name, self.problem = "listed", ""
        self.sound = RingBuffer(max(1, len(samples)))
        self.sound.write(samples)
        self._results = results

    is_over = True

    def start(self) -> None: ...

    def close(self) -> None: ...

    def poll(self, timeout: float) -> list[WindowResult]:
        found, self._results = self._results, []
        return found


def observed(results: list[WindowResult], samples: np.ndarray, **settings) -> ObservedStream:
    return ObservedStream(
        ListedHearing(results, samples),
        TAGS,
        ("pitch", "timbre"),
        hop=0.1,
        thresholds=np.full(2, 0.5, np.float32),
        settings=EventSettings(**settings),
    )


def filled(stream: ObservedStream) -> ObservedStream:
    for _ in range(100):
        stream.advance(1.0)
    return stream


# Rows


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=12), st.integers(0, 3_000), st.integers(0, 3_000))
def test_rows_are_those_of_a_plain_table(sizes: list[int], start: int, end: int) -> None:
    store = RowStore(2, np.int64)
    table = np.arange(2 * sum(sizes)).reshape(-1, 2)
    for part in np.split(table, np.cumsum(sizes)[:-1]) if sizes else []:
        store.append(part)
    np.testing.assert_array_equal(store.read(start, end), table[start : max(start, end)])


def test_old_rows_are_dropped_and_the_newest_kept() -> None:
    store = RowStore(1, np.int64, max_rows=2_000)
    for i in range(100):
        store.append(np.full((100, 1), i))
    assert store.end == 10_000
    assert 2_000 <= store.end - store.first < 4_000
    assert store.read(0, 10_000)[-1, 0] == 99
    assert store.read(store.first, store.first + 1)[0, 0] == store.first // 100


# Windows


def test_window_is_found_by_the_time_at_its_middle() -> None:
    windows = WindowHistory(2, 2)
    windows.add([result(0.1 * i, i / 100, 0.0) for i in range(50)])
    assert windows.nearest(0.5) == 0
    assert windows.nearest(1.54) == 10
    assert windows.nearest(1.56) == 11
    assert windows.nearest(99.0) == 49
    assert windows.between(1.0, 2.0) == (5, 16)
    found = windows.result(10)
    assert found.probabilities[0] == pytest.approx(0.1)
    np.testing.assert_allclose(found.branch_probabilities, [[0.1, 0.0], [0.9, 1.0]], atol=1e-6)


def test_empty_history_has_no_window() -> None:
    windows = WindowHistory(2, 2)
    assert windows.nearest(0.0) is None
    assert windows.newest is None
    assert windows.smoothed_outputs(0.0) is None
    with pytest.raises(IndexError, match="window 0"):
        windows.result(0)


def test_smoothing_is_that_of_the_events() -> None:
    windows = WindowHistory(2, 2)
    values = np.random.default_rng(0).random((30, 2), np.float32)
    windows.add([result(0.1 * i, *row) for i, row in enumerate(values)])
    while windows.smooth_step(time_constant=0.3):
        pass
    wanted, previous = [], None
    for row in values:
        previous = smooth_step(previous, row, seconds=0.1, time_constant=0.3)
        wanted.append(previous)
    np.testing.assert_allclose(windows.smoothed(0, 30), wanted, atol=1e-6)
    outputs = windows.smoothed_outputs(windows.newest)
    np.testing.assert_allclose(outputs[0], wanted[-1], atol=1e-6)
    np.testing.assert_allclose(outputs[1], wanted[-1], atol=1e-6)


def test_another_time_constant_smooths_all_anew() -> None:
    windows = WindowHistory(2, 2)
    windows.add([result(0.1 * i, i % 2, 0.0) for i in range(10)])
    while windows.smooth_step(time_constant=1.0):
        pass
    steady = windows.smoothed(0, 10)[:, 0].std()
    while windows.smooth_step(time_constant=0.0):
        pass
    assert windows.smoothed(0, 10)[:, 0].tolist() == [0.0, 1.0] * 5
    assert steady < 0.2


def test_moment_without_a_window_near_it_has_no_answer() -> None:
    windows = WindowHistory(2, 2)
    windows.add([result(0.0, 1.0, 0.0)])
    windows.smooth_step(time_constant=0.0)
    assert windows.smoothed_outputs(0.6) is not None
    assert windows.smoothed_outputs(3.0) is None


# Spectrogram


@pytest.mark.parametrize("frequency", [200.0, 1_000.0, 5_000.0])
def test_tone_is_brightest_in_its_own_band(tone, frequency: float) -> None:
    ring = RingBuffer(1 << 15)
    ring.write(tone(frequency))
    spectrogram = Spectrogram()
    spectrogram.extend(ring)
    columns = spectrogram.fine.read(0, spectrogram.fine.end)
    assert columns.shape == ((SAMPLE_RATE - 512) // HOP_LENGTH + 1, N_MELS)
    mel = np.linspace(2_595 * np.log10(1 + 40 / 700), 2_595 * np.log10(1 + 8_000 / 700), N_MELS + 2)
    centres = 700 * (10 ** (mel[1:-1] / 2_595) - 1)
    brightest = centres[columns.mean(axis=0).argmax()]
    assert abs(np.log2(brightest / frequency)) < 0.25


def test_spectrogram_grows_by_blocks_as_it_does_at_once(noise) -> None:
    samples = noise(3.0)
    whole, growing = Spectrogram(), Spectrogram()
    ring = RingBuffer(1 << 16)
    for block in np.split(samples, 60):
        ring.write(block)
        growing.extend(ring)
    whole.extend(ring)
    np.testing.assert_array_equal(
        whole.fine.read(0, whole.fine.end), growing.fine.read(0, growing.fine.end)
    )
    assert whole.coarse.end == growing.coarse.end == whole.fine.end // 16


def test_long_sound_is_drawn_in_pieces(noise) -> None:
    ring = RingBuffer(1 << 20)
    ring.write(noise(60.0))
    spectrogram = Spectrogram()
    assert spectrogram.extend(ring)
    while spectrogram.extend(ring):
        pass
    assert spectrogram.seconds == pytest.approx(60.0, abs=0.05)


# Events


def test_events_are_those_of_the_tracker() -> None:
    results = [result(0.1 * i, 0.9 if 10 <= i < 30 else 0.0, 0.0) for i in range(60)]
    stream = filled(observed(results, np.zeros(96_000, np.float32)))
    tracker = TagTracker(
        TAGS, ("pitch", "timbre"), np.full(2, 0.5, np.float32), hop=0.1, settings=EventSettings()
    )
    wanted = [event for one in results for event in tracker.update(one)] + tracker.flush()
    assert stream.events.events == wanted
    assert [event.tag for event in wanted] == ["Dog"]
    assert stream.events.take_fresh() == wanted
    assert stream.events.take_fresh() == []


def test_changed_threshold_finds_the_events_anew_but_not_as_fresh_ones() -> None:
    results = [result(0.1 * i, 0.4 if 10 <= i < 30 else 0.0, 0.0) for i in range(60)]
    stream = filled(observed(results, np.zeros(96_000, np.float32)))
    assert stream.events.events == []
    version = stream.events.version
    stream.change(thresholds=np.full(2, 0.3, np.float32), settings=EventSettings(smoothing=0.0))
    filled(stream)
    assert [event.tag for event in stream.events.events] == ["Dog"]
    assert stream.events.version > version
    assert stream.events.take_fresh() == []


def test_event_that_lasts_is_seen_before_it_is_complete() -> None:
    windows = WindowHistory(2, 2)
    windows.add([result(0.1 * i, 0.9, 0.0) for i in range(20)])

    def tracker() -> TagTracker:
        return TagTracker(TAGS, ("a", "b"), np.full(2, 0.5, np.float32), hop=0.1)

    events = EventHistory(windows, tracker)
    while events.step(is_over=False):
        pass
    assert events.events == []
    assert [event.tag for event in events.lasting()] == ["Dog"]
    while events.step(is_over=True):
        pass
    assert [event.tag for event in events.events] == ["Dog"]
    assert events.lasting() == []


# Pictures


def test_picture_holds_what_lies_between_its_edges(noise) -> None:
    results = [result(0.1 * i, 0.9 if i < 30 else 0.0, i / 200) for i in range(91)]
    stream = filled(observed(results, noise(10.0), smoothing=0.0))
    picture = take_picture(stream, 2.0, 6.0, [1])
    assert picture.image.shape == (N_MELS, 201)
    assert picture.image_start == 2.0
    assert picture.image_end == pytest.approx(6.02)
    assert picture.times[0] <= 2.0
    assert picture.times[-1] >= 6.0
    np.testing.assert_allclose(picture.curves[:, 0], (picture.times - 0.5) / 20, atol=1e-6)
    assert [event.tag for event in picture.events] == ["Dog"]
    assert take_picture(stream, 5.0, 6.0, []).events == []


def test_long_picture_is_coarse_and_no_peak_is_lost(noise) -> None:
    n = 2_400
    results = [result(0.1 * i, 1.0 if i == 1_203 else 0.0, 0.0) for i in range(n)]
    stream = filled(observed(results, noise(241.0), smoothing=0.0))
    picture = take_picture(stream, 0.0, 241.0, [0])
    assert picture.image.shape[1] < 800
    assert len(picture.times) < 2_400
    assert picture.curves.max() == 1.0


def test_picture_beyond_what_was_heard_is_empty() -> None:
    stream = filled(observed([], np.zeros(0, np.float32)))
    picture = take_picture(stream, -20.0, 0.0, [0, 1])
    assert picture.image.shape == (N_MELS, 0)
    assert picture.curves.shape == (0, 2)
