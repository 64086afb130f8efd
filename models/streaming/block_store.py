"""What is known of a stream's blocks: computed once, kept while windows still need them."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.models.runtimes.protocol import Features
from earmark.models.timebase import WINDOW_SAMPLES


class BlockStore:
    """Features of the blocks of one size, found again by the sample at which a block starts.

    Blocks of windows whose starts lie a whole number of blocks apart are the same blocks; they form
    a *lane*. A hop that is no multiple of a block has several lanes, which take turns.

    Args:
        size: Samples in a block.
        compute: ``(blocks, size)`` to features, a row for each block.
    """

    def __init__(self, size: int, compute: Callable[[NDArray[np.float32]], Features]) -> None:
        self._size = size
        self._compute = compute
        self._lanes: dict[int, _Lane] = {}

    def __len__(self) -> int:
        """Return how many blocks are kept."""
        return sum(lane.count for lane in self._lanes.values())

    def clear(self) -> None:
        """Forget the stream."""
        self._lanes.clear()

    def rows(
        self, sound: NDArray[np.float32], first_sample: int, starts: Sequence[int]
    ) -> tuple[Features, NDArray[np.int64]]:
        """Return the features of the blocks of windows, computing only those that are new.

        Args:
            sound: The stretch of the stream that holds the windows.
            first_sample: Where it starts in the stream.
            starts: Where the windows start in the stream, in order.

        Returns:
            Features, valid until the next call, and for each window the row of its first block.
        """
        size = self._size
        for phase in [p for p, lane in self._lanes.items() if lane.end <= starts[0]]:
            del self._lanes[phase]
        by_phase: dict[int, list[int]] = {}
        for start in starts:
            by_phase.setdefault(start % size, []).append(start)
        missing = []
        for phase, group in by_phase.items():
            lane = self._lanes.setdefault(phase, _Lane(size))
            lane.forget_before(group[0])
            end = group[-1] + WINDOW_SAMPLES
            begin = min(lane.end, end)
            missing.append(sound[begin - first_sample : end - first_sample].reshape(-1, size))
        counts = [len(blocks) for blocks in missing]
        if any(counts):
            blocks = missing[0] if len(missing) == 1 else np.concatenate(missing)
            fresh = self._compute(np.ascontiguousarray(blocks))
            at = 0
            for phase, count in zip(by_phase, counts, strict=True):
                self._lanes[phase].append(tuple(part[at : at + count] for part in fresh))
                at += count
        lanes = [self._lanes[phase] for phase in by_phase]
        ends = accumulate((lane.count for lane in lanes), initial=0)
        offsets = dict(zip(by_phase, ends, strict=False))
        first = [
            offsets[start % size] + (start - self._lanes[start % size].start) // size
            for start in starts
        ]
        return _joined([lane.features() for lane in lanes]), np.array(first, np.int64)


class _Lane:
    """Blocks that follow one another, in buffers with room for as many again.

    New rows are written behind the old ones; only when the end of a buffer is reached do those that
    are still needed move to its front. A live stream so copies what is new and little else.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._buffers: Features = ()
        self._begin = 0
        self.count = 0
        self.start = 0

    @property
    def end(self) -> int:
        """One past the last sample of the last block."""
        return self.start + self.count * self._size

    def forget_before(self, sample: int) -> None:
        """Drop the blocks that start before a sample; behind a gap nothing is kept."""
        if sample < self.start:
            raise ValueError(f"windows may not go back, from {self.start} to {sample}")
        dropped = min((sample - self.start) // self._size, self.count)
        self._begin += dropped
        self.count -= dropped
        self.start = sample

    def append(self, rows: Features) -> None:
        """Add the blocks that follow."""
        needed = self.count + len(rows[0])
        if not self._buffers or self._begin + needed > len(self._buffers[0]):
            held = self.features()
            if not self._buffers or 2 * needed > len(self._buffers[0]):
                self._buffers = tuple(_empty_like(part, 2 * needed) for part in rows)
            # What is held lies behind the first half, so that the two places do not overlap.
            for buffer, part in zip(self._buffers, held, strict=False):
                buffer[: self.count] = part
            self._begin = 0
        at = self._begin + self.count
        for buffer, part in zip(self._buffers, rows, strict=True):
            buffer[at : at + len(part)] = part
        self.count = needed

    def features(self) -> Features:
        """Return what is kept, without a copy."""
        return tuple(b[self._begin : self._begin + self.count] for b in self._buffers)


def _empty_like(part: Any, rows: int) -> Any:
    shape = (rows, *part.shape[1:])
    return np.empty(shape, part.dtype) if isinstance(part, np.ndarray) else part.new_empty(shape)


def _joined(lanes: list[Features]) -> Features:
    if len(lanes) == 1:
        return lanes[0]
    return tuple(_concatenated(parts) for parts in zip(*lanes, strict=True))


def _concatenated(parts: tuple[Any, ...]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import torch  # where there are tensors, it is there already

    return torch.cat(parts)
