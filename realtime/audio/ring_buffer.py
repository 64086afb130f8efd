"""The newest seconds of a stream, written by one thread and read by any number without a lock."""

import numpy as np
from numpy.typing import NDArray


class RingBuffer:
    """Samples by their absolute index, the oldest overwritten by the newest.

    One thread writes; readers move nothing that is shared, so there may be many. A read that the
    writer overtook is refused, never torn.

    Args:
        capacity: Samples kept; rounded up to a power of two.

    Raises:
        ValueError: If the capacity is less than 1.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a ring buffer needs room for a sample, got capacity {capacity}")
        self._capacity = 1 << (capacity - 1).bit_length()
        self._samples = np.zeros(self._capacity, np.float32)
        self._claimed = 0
        self._written = 0

    @property
    def capacity(self) -> int:
        """Samples that can be kept."""
        return self._capacity

    @property
    def written(self) -> int:
        """Samples written since the start: one past the newest index."""
        return self._written

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block; for the writing thread alone.

        Args:
            block: (samples,) float32; of one longer than the capacity only the end is kept.
        """
        end = self._written + len(block)
        # Raised before a sample changes: from here on readers refuse what is about to be lost.
        self._claimed = end
        kept = block[-self._capacity :]
        at = (end - len(kept)) % self._capacity
        before_wrap = min(len(kept), self._capacity - at)
        self._samples[at : at + before_wrap] = kept[:before_wrap]
        if before_wrap < len(kept):
            self._samples[: len(kept) - before_wrap] = kept[before_wrap:]
        # Published last: a reader never sees an index whose sample is not in place.
        self._written = end

    def read(self, start: int, count: int) -> NDArray[np.float32] | None:
        """Return a copy of ``count`` samples from the absolute index ``start`` on.

        Returns:
            (count,) float32, or None if some of them are overwritten by now.

        Raises:
            ValueError: If some of them are not written yet, or can never be held.
        """
        if start < 0 or count < 0 or count > self._capacity or start + count > self._written:
            raise ValueError(
                f"cannot read {count} samples from {start}: {self._written} are written and "
                f"{self._capacity} are kept"
            )
        at = start % self._capacity
        before_wrap = min(count, self._capacity - at)
        found = np.empty(count, np.float32)
        found[:before_wrap] = self._samples[at : at + before_wrap]
        found[before_wrap:] = self._samples[: count - before_wrap]
        # Checked after the copy: whatever was claimed meanwhile may have been overwritten in it.
        return found if self._claimed - start <= self._capacity else None
