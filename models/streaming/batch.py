"""Windows of any recordings through a model together: short ones share what a call costs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.timebase import WINDOW_SAMPLES

from .results import WindowResult, window_results


@dataclass(frozen=True)
class Stretch:
    """Windows of one recording that are tagged together.

    Args:
        samples: (n,) float32, from the start of the first window to the end of the last.
        starts: Where the windows start in the recording, in order.
    """

    samples: NDArray[np.float32]
    starts: list[int]


def tag_stretches(bundle: Bundle, stretches: Sequence[Stretch]) -> list[list[WindowResult]]:
    """Tag stretches, of one recording or of several, in one batch.

    What else is in the batch changes a result by rounding alone.

    Returns:
        The results of each stretch, in order of its windows.
    """
    if not stretches:
        return []
    began = time.perf_counter()
    found = [_blocks(stretches, size) for size in bundle.runtime.block_sizes]
    features = [bundle.runtime.features(blocks) for blocks, _ in found]
    logits = bundle.runtime.logits(features, [first for _, first in found])
    starts = [start for stretch in stretches for start in stretch.starts]
    seconds = time.perf_counter() - began
    results = iter(window_results(bundle.metadata.calibration, starts, *logits, seconds))
    return [[next(results) for _ in stretch.starts] for stretch in stretches]


def _blocks(
    stretches: Sequence[Stretch], size: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the blocks of one size, each once, and for each window the row of its first block."""
    parts: list[NDArray[np.float32]] = []
    first: list[int] = []
    count = 0
    for stretch in stretches:
        begin = stretch.starts[0]
        by_phase: dict[int, list[int]] = {}
        for start in stretch.starts:
            by_phase.setdefault(start % size, []).append(start)
        row_of_sample = {}  # by phase: the row that a block at sample 0 would have
        for phase, group in by_phase.items():
            part = stretch.samples[group[0] - begin : group[-1] + WINDOW_SAMPLES - begin]
            parts.append(part.reshape(-1, size))
            row_of_sample[phase] = count - group[0] // size
            count += len(parts[-1])
        first += [row_of_sample[start % size] + start // size for start in stretch.starts]
    return np.concatenate(parts), np.array(first, np.int64)
