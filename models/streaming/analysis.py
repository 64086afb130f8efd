"""Files through the engine: as a stream, many windows at a time, in constant memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES

from .batch import Stretch, tag_stretches
from .engine import InferenceEngine
from .results import WindowResult

# Windows in a stretch: enough that what its neighbours compute as well is little. And the sound in
# it: what is known of a longer one would no longer be in the processor's cache when it is needed.
_MOST_WINDOWS = 128
_MOST_SAMPLES = 32 * SAMPLE_RATE

# Stretches that may wait for each worker: it goes on while results are being written.
_STRETCHES_AHEAD = 2


def windows_at_once(hop_samples: int) -> int:
    """Return how many windows a stretch has, and a batch of several recordings at most."""
    return max(1, min(_MOST_WINDOWS, _MOST_SAMPLES // hop_samples))


def analyse(
    blocks: Iterable[NDArray[np.float32]],
    engine: InferenceEngine,
    hop_samples: int,
    *,
    workers: int = 1,
) -> Iterator[WindowResult]:
    """Tag a recording that comes in blocks.

    Windows lie a hop apart from the first sample on; the last one ends with the recording, so that
    its tail is heard. A recording shorter than a window is padded with silence behind it.

    Args:
        blocks: (samples,) float32 at 16 kHz, of any lengths.
        engine: Reset here; equal windows give equal results, live or not.
        hop_samples: Distance between windows.
        workers: Threads that tag stretches of the recording at the same time, while the calling
            thread reads on and takes the results, in order.

    Raises:
        ValueError: If the hop is less than a sample, or there is to be no worker.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    engine.reset()
    stretches = stretches_of(blocks, hop_samples)
    if workers > 1:
        yield from _side_by_side(stretches, engine.bundle, workers)
        return
    for stretch in stretches:
        yield from engine.process_span(stretch.samples, stretch.starts[0], stretch.starts)


def _side_by_side(
    stretches: Iterator[Stretch], bundle: Bundle, workers: int
) -> Iterator[WindowResult]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="earmark analysis")
    waiting: deque[Future[list[list[WindowResult]]]] = deque()
    try:
        for stretch in stretches:
            waiting.append(pool.submit(tag_stretches, bundle, [stretch]))
            if len(waiting) > _STRETCHES_AHEAD * workers:
                yield from waiting.popleft().result()[0]
        while waiting:
            yield from waiting.popleft().result()[0]
    finally:
        pool.shutdown(cancel_futures=True)


def stretches_of(blocks: Iterable[NDArray[np.float32]], hop_samples: int) -> Iterator[Stretch]:
    """Cut a recording into stretches, as it is read.

    Args:
        blocks: (samples,) float32 at 16 kHz, of any lengths.
        hop_samples: Distance between windows.

    Raises:
        ValueError: If the hop is less than a sample.
    """
    if hop_samples < 1:
        raise ValueError(f"a hop must be at least one sample, got {hop_samples}")
    # One window more is kept than is due: the last one reaches back behind the grid.
    count = windows_at_once(hop_samples)
    span = WINDOW_SAMPLES + count * hop_samples
    sound = np.empty(0, np.float32)
    waiting: list[NDArray[np.float32]] = []
    held = 0
    first = 0  # index of the first sample of ``sound``
    next_start = 0
    for block in blocks:
        waiting.append(block)
        held += len(block)
        if held < span:
            continue
        sound = np.concatenate([sound, *waiting])
        waiting = []
        n_samples = first + len(sound)
        while next_start + span <= n_samples:
            starts = [next_start + i * hop_samples for i in range(count)]
            yield _cut(sound, first, starts)
            next_start += count * hop_samples
        dropped = max(0, min(next_start, n_samples - WINDOW_SAMPLES) - first)
        sound, first = sound[dropped:], first + dropped
        held = len(sound)
    sound = np.concatenate([sound, *waiting])
    n_samples = first + len(sound)
    if not n_samples:
        return
    sound = np.pad(sound, (0, max(0, WINDOW_SAMPLES - n_samples)))
    last = max(0, n_samples - WINDOW_SAMPLES)
    starts = [*range(next_start, last + 1, hop_samples)]
    if not starts or starts[-1] != last:
        starts.append(last)
    for i in range(0, len(starts), count):
        yield _cut(sound, first, starts[i : i + count])


def _cut(sound: NDArray[np.float32], first: int, starts: list[int]) -> Stretch:
    return Stretch(sound[starts[0] - first : starts[-1] + WINDOW_SAMPLES - first], starts)
