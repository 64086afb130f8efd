"""Files through the engine: as a stream, many windows at a time, in constant memory."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import WINDOW_SAMPLES

from .engine import InferenceEngine
from .results import WindowResult

# Enough to fill a processor's vector units, few enough to stay within its cache.
_WINDOWS_AT_ONCE = 64


def analyse(
    blocks: Iterable[NDArray[np.float32]], engine: InferenceEngine, hop_samples: int
) -> Iterator[WindowResult]:
    """Tag a recording that comes in blocks.

    Windows lie a hop apart from the first sample on; the last one ends with the recording, so that
    its tail is heard. A recording shorter than a window is padded with silence behind it.

    Args:
        blocks: (samples,) float32 at 16 kHz, of any lengths.
        engine: Reset here; equal windows give equal results, live or not.
        hop_samples: Distance between windows.

    Raises:
        ValueError: If the hop is less than a sample.
    """
    if hop_samples < 1:
        raise ValueError(f"a hop must be at least one sample, got {hop_samples}")
    engine.reset()
    # One window more is kept than is due: the last one reaches back behind the grid.
    span = WINDOW_SAMPLES + _WINDOWS_AT_ONCE * hop_samples
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
            starts = [next_start + i * hop_samples for i in range(_WINDOWS_AT_ONCE)]
            yield from _process(engine, sound, first, starts)
            next_start += _WINDOWS_AT_ONCE * hop_samples
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
    for i in range(0, len(starts), _WINDOWS_AT_ONCE):
        yield from _process(engine, sound, first, starts[i : i + _WINDOWS_AT_ONCE])


def _process(
    engine: InferenceEngine, sound: NDArray[np.float32], first: int, starts: list[int]
) -> list[WindowResult]:
    begin, end = starts[0] - first, starts[-1] + WINDOW_SAMPLES - first
    return engine.process_span(sound[begin:end], starts[0], starts)
