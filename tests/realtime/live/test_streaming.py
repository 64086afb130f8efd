import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.errors import AudioError
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import WINDOW_SAMPLES, window_starts
from earmark.realtime.audio.capture import Capture
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.audio.streamed import StreamedSource
from earmark.realtime.live.health import Health
from earmark.realtime.live.session import ListeningSession
from earmark.realtime.live.windows import WindowReader
from earmark.realtime.live.worker import InferenceWorker


class ScriptedSource:
    """A source that delivers just when it is told to."""

    name = "scripted"
    ended = False
    failure = None
    overflows = 0
    non_finite = 0

    def start(self, write: Callable[[np.ndarray], None]) -> None:
        self.write = write

    def close(self) -> None:
        self.ended = True


class EchoEngine:
    """Answers with the window's own mean."""

    def process(self, window: np.ndarray, start_sample: int) -> WindowResult:
        mean = np.array([window.mean()], np.float32)
        end = start_sample + WINDOW_SAMPLES
        return WindowResult(start_sample, end, mean, mean[None], inference_seconds=0.001)


def result(end: float = 1.0, latency: float | None = None, inference: float = 0.01) -> WindowResult:
    end_sample = round(end * 16_000)
    none = np.zeros(1, np.float32)
    return WindowResult(end_sample - 16_000, end_sample, none, none[None], inference, latency)


# Windows


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=40), st.integers(400, 1_600))
def test_block_size_does_not_change_the_windows(sizes: list[int], hop: int) -> None:
    ring = RingBuffer(1 << 17)
    reader = WindowReader(ring, hop)
    stream = np.arange(sum(sizes), dtype=np.float32)
    starts = []
    for block in np.split(stream, np.cumsum(sizes)[:-1]):
        ring.write(block)
        while (window := reader.next()) is not None:
            at = window.start_sample
            np.testing.assert_array_equal(window.samples, stream[at : at + WINDOW_SAMPLES])
            starts.append(at)
    wanted = [s for s in range(0, len(stream), hop) if s + WINDOW_SAMPLES <= len(stream)]
    if reader.skipped == 0:
        assert starts == wanted
    assert len(starts) + reader.skipped == len(wanted)


def test_late_reader_goes_to_the_newest_window_and_counts_the_others() -> None:
    ring = RingBuffer(1 << 16)
    reader = WindowReader(ring, 1_600)
    ring.write(np.zeros(WINDOW_SAMPLES + 10 * 1_600, np.float32))
    window = reader.next()
    assert window is not None
    assert window.start_sample == 10 * 1_600
    assert reader.skipped == 10
    assert reader.next() is None


def test_few_waiting_windows_are_read_in_order() -> None:
    ring = RingBuffer(1 << 16)
    reader = WindowReader(ring, 1_600)
    ring.write(np.zeros(WINDOW_SAMPLES + 3 * 1_600, np.float32))
    starts = [reader.next().start_sample for _ in range(4)]
    assert starts == [0, 1_600, 3_200, 4_800]
    assert reader.skipped == 0


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 60_000), st.integers(400, 16_000))
def test_stream_and_file_have_the_same_windows(n_samples: int, hop: int) -> None:
    ring = RingBuffer(1 << 22)
    reader = WindowReader(ring, hop, patience=160)
    ring.write(np.ones(n_samples, np.float32))
    starts = []
    while (window := reader.next()) is not None:
        starts.append(window.start_sample)
    if (tail := reader.last()) is not None:
        starts.append(tail.start_sample)
        assert len(tail.samples) == WINDOW_SAMPLES
    assert starts == window_starts(n_samples, hop)
    assert reader.last() is None


def test_hop_and_ring_must_fit() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        WindowReader(RingBuffer(1 << 16), 0)
    with pytest.raises(ValueError, match="too short"):
        WindowReader(RingBuffer(16_000), 1_600)


# Engine


@pytest.mark.parametrize("hop", [400, 800, 1_600, 1_000, 8_000])
def test_streaming_equals_offline(tiny_bundle, noise, hop: int) -> None:
    sound = noise(seconds=3.0)
    streaming, offline = InferenceEngine(tiny_bundle), InferenceEngine(tiny_bundle)
    for start in range(0, len(sound) - WINDOW_SAMPLES + 1, hop):
        window = sound[start : start + WINDOW_SAMPLES]
        found = streaming.process(window, start)
        offline.reset()
        alone = offline.process(window, 0)
        np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-4)
        np.testing.assert_allclose(
            found.branch_probabilities, alone.branch_probabilities, atol=1e-4
        )


def test_skipped_windows_do_not_disturb_the_stream(tiny_bundle, noise) -> None:
    sound = noise(seconds=4.0)
    engine, fresh = InferenceEngine(tiny_bundle), InferenceEngine(tiny_bundle)
    engine.process(sound[:16_000], 0)
    late = engine.process(sound[40_000:56_000], 40_000)
    alone = fresh.process(sound[40_000:56_000], 40_000)
    np.testing.assert_allclose(late.probabilities, alone.probabilities, atol=1e-5)


def test_engine_keeps_no_more_than_a_window(tiny_bundle, noise) -> None:
    engine = InferenceEngine(tiny_bundle)
    for i in range(60):
        engine.process(noise(seed=i), i * 400)
    kept = [len(store) for store in engine._stores]
    # Chunks of 100 ms at hops of 25 ms: ten chunks in each of four phases.
    assert all(count <= 40 for count in kept)


def test_other_stream_starts_afresh(tiny_bundle, noise) -> None:
    engine = InferenceEngine(tiny_bundle)
    engine.process(noise(seed=1), 0)
    engine.reset()
    again = engine.process(noise(seed=2), 0)
    wanted = InferenceEngine(tiny_bundle).process(noise(seed=2), 0)
    np.testing.assert_array_equal(again.probabilities, wanted.probabilities)


def test_warming_up_leaves_no_trace(tiny_bundle, noise) -> None:
    engine = InferenceEngine(tiny_bundle)
    engine.warm_up(1_600)
    assert not any(len(store) for store in engine._stores)


def test_engine_refuses_other_shapes(tiny_bundle) -> None:
    engine = InferenceEngine(tiny_bundle)
    with pytest.raises(ValueError, match="must have shape"):
        engine.process(np.zeros(8_000, np.float32), 0)
    with pytest.raises(ValueError, match="do not lie within"):
        engine.process_span(np.zeros(16_000, np.float32), 0, [0, 400])
    assert engine.process_span(np.zeros(16_000, np.float32), 0, []) == []


@settings(derandomize=True, deadline=None, max_examples=8)
@given(st.integers(1, 40_000), st.sampled_from([1_600, 4_000, 16_000]), st.integers(300, 20_000))
def test_file_in_blocks_has_each_window_once(
    tiny_bundle, n_samples: int, hop: int, block: int
) -> None:
    sound = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    blocks = [sound[i : i + block] for i in range(0, n_samples, block)]
    engine = InferenceEngine(tiny_bundle)
    results = list(analyse(blocks, engine, hop))
    assert [r.start_sample for r in results] == window_starts(n_samples, hop)
    last = results[-1]
    padded = np.pad(sound, (0, max(0, WINDOW_SAMPLES - n_samples)))
    engine.reset()
    alone = engine.process(padded[last.start_sample :][:WINDOW_SAMPLES], last.start_sample)
    np.testing.assert_allclose(last.probabilities, alone.probabilities, atol=1e-4)


def test_long_file_is_tagged_in_batches_without_gap_or_repeat(tiny_bundle, noise) -> None:
    sound = noise(seconds=15.3)
    results = list(analyse(np.array_split(sound, 31), InferenceEngine(tiny_bundle), 1_600))
    assert [r.start_sample for r in results] == window_starts(len(sound), 1_600)


def test_nothing_gives_no_windows_and_no_hop_is_refused(tiny_bundle) -> None:
    assert list(analyse([], InferenceEngine(tiny_bundle), 1_600)) == []
    with pytest.raises(ValueError, match="at least one sample"):
        list(analyse([], InferenceEngine(tiny_bundle), 0))


# Capture and worker


def test_capture_time_counts_back_from_the_newest_sample() -> None:
    source = ScriptedSource()
    capture = Capture(source)
    capture.start()
    source.write(np.zeros(16_000, np.float32))
    now = time.monotonic()
    assert capture.captured_at(16_000) == pytest.approx(now, abs=0.05)
    assert capture.captured_at(8_000) == pytest.approx(now - 0.5, abs=0.05)


def test_level_is_decibels_of_full_scale(tone) -> None:
    source = ScriptedSource()
    capture = Capture(source)
    capture.start()
    assert capture.level_dbfs() == -120
    source.write(tone(1_000, amplitude=1.0))
    assert capture.level_dbfs() == pytest.approx(-3.01, abs=0.05)
    source.write(np.zeros(16_000, np.float32))
    assert capture.level_dbfs() == pytest.approx(-120)


def make_worker(on_error=None, engine=None):
    source, results = ScriptedSource(), []
    capture = Capture(source)
    capture.start()
    worker = InferenceWorker(
        capture,
        engine or EchoEngine(),
        1_600,
        on_result=results.append,
        on_error=on_error or pytest.fail,
    )
    return source, worker, results


def test_worker_tags_each_window_and_the_tail_and_ends_with_the_source() -> None:
    source, worker, results = make_worker()
    source.write(np.ones(WINDOW_SAMPLES + 3 * 1_600 + 100, np.float32))
    source.ended = True
    worker.run()
    assert [r.start_sample for r in results] == [0, 1_600, 3_200, 4_800, 4_900]
    assert all(r.latency_seconds >= 0 for r in results)


def test_worker_waits_for_a_whole_window() -> None:
    source, worker, results = make_worker()
    source.write(np.ones(WINDOW_SAMPLES - 1, np.float32))
    assert not worker.step()
    source.write(np.ones(1, np.float32))
    assert worker.step()
    assert len(results) == 1


def test_error_in_the_engine_is_reported_not_lost() -> None:
    class Broken:
        def process(self, window: np.ndarray, start_sample: int) -> WindowResult:
            raise RuntimeError("out of memory")

    errors = []
    source, worker, _ = make_worker(on_error=errors.append, engine=Broken())
    source.write(np.ones(WINDOW_SAMPLES, np.float32))
    worker.run()
    assert [str(error) for error in errors] == ["out of memory"]


def test_worker_stops_when_told_and_twice_does_no_harm() -> None:
    _, worker, _ = make_worker()
    worker.start()
    worker.stop()
    worker.stop()
    assert not worker.is_alive()


def test_result_tells_its_time_in_seconds() -> None:
    assert (result(end=2.5).start, result(end=2.5).end) == (1.5, 2.5)


# Sessions


def test_session_on_a_file_equals_its_analysis(tiny_bundle, noise, tmp_path) -> None:
    soundfile.write(tmp_path / "noise.wav", noise(seconds=2.05), 16_000, subtype="FLOAT")
    # Eight times as fast as it sounds, and still in order.
    source = StreamedSource.from_file(tmp_path / "noise.wav", speed=8.0)
    with ListeningSession(source, InferenceEngine(tiny_bundle), hop=0.1) as session:
        live = list(session)
    offline = list(analyse([noise(seconds=2.05)], InferenceEngine(tiny_bundle), 1_600))
    if session.skipped == 0:
        assert [r.start_sample for r in live] == [r.start_sample for r in offline]
    by_start = {r.start_sample: r for r in offline}
    for r in live:
        wanted = by_start[r.start_sample].probabilities
        np.testing.assert_allclose(r.probabilities, wanted, atol=1e-4)
    assert session.is_over
    assert session.health.windows == len(live)


def test_leaving_a_session_ends_its_threads(tiny_bundle, noise, tmp_path) -> None:
    soundfile.write(tmp_path / "noise.wav", noise(seconds=30.0), 16_000)
    before = threading.active_count()
    source = StreamedSource.from_file(tmp_path / "noise.wav")
    with ListeningSession(source, InferenceEngine(tiny_bundle)) as session:
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert threading.active_count() == before
    assert session.capture.source.ended
    source.close()


def test_source_that_breaks_off_gives_its_results_first(tiny_bundle, noise, tmp_path) -> None:
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    soundfile.write(whole, noise(seconds=3.0), 16_000)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    source = StreamedSource.from_file(cut, speed=20.0)
    results = []
    with (
        ListeningSession(source, InferenceEngine(tiny_bundle), hop=0.5) as session,
        pytest.raises(AudioError, match="breaks off"),
    ):
        results.extend(session)
    assert results


def test_error_of_the_worker_reaches_whoever_listens(tiny_bundle, noise, tmp_path) -> None:
    soundfile.write(tmp_path / "noise.wav", noise(seconds=2.0), 16_000)
    engine = InferenceEngine(tiny_bundle)
    session = ListeningSession(StreamedSource.from_file(tmp_path / "noise.wav", speed=20.0), engine)
    with session:
        engine.process = None  # type: ignore[assignment, method-assign]
        with pytest.raises(TypeError):
            list(session)


@pytest.mark.parametrize("hop", [0.0, 0.01, 1.5])
def test_session_refuses_an_impossible_hop(tiny_bundle, hop: float) -> None:
    with pytest.raises(ValueError, match=r"between 0\.025 and 1 s"):
        ListeningSession(ScriptedSource(), InferenceEngine(tiny_bundle), hop=hop)


# Health


def test_health_tells_median_and_p95() -> None:
    health = Health(0.1)
    for i in range(1, 101):
        health.add(result(latency=i / 1_000, inference=0.02))
    assert health.latency_ms() == pytest.approx((50.5, 95.05))
    assert health.real_time_factor() == pytest.approx(0.2)
    assert health.windows == 100
    assert health.advice() == ""


def test_health_without_results_knows_nothing() -> None:
    health = Health(0.1)
    assert all(np.isnan(health.latency_ms()))
    assert health.advice() == ""


def test_too_slow_a_machine_is_told_what_to_do() -> None:
    health = Health(0.1)
    health.add(result(inference=0.131))
    assert health.advice() == (
        "Inference takes 131 ms per window, the hop is 100 ms: choose a longer hop, such as "
        "--hop 0.2."
    )
