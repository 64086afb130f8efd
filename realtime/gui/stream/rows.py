"""Rows of numbers by their index: appended at the end, the oldest dropped, memory bounded."""

from collections import deque
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_ROWS_IN_CHUNK = 1_024

Number = TypeVar("Number", bound=np.generic)


class RowStore(Generic[Number]):
    """The newest rows of an endless table; for one thread.

    Args:
        width: Numbers in a row.
        dtype: Of a number.
        max_rows: Kept at least, once there are so many; None keeps all.
    """

    def __init__(self, width: int, dtype: type[Number], max_rows: int | None = None) -> None:
        self._width = width
        self._dtype = dtype
        self._max_rows = max_rows
        self._chunks: deque[NDArray[Number]] = deque()
        self._dropped = 0
        self.end = 0

    @property
    def first(self) -> int:
        """Index of the oldest row that is kept."""
        return self._dropped

    def skip_to(self, index: int) -> None:
        """Forget all rows; the next one has this index."""
        self._chunks.clear()
        self._dropped = self.end = index

    def append(self, rows: NDArray[Number]) -> None:
        """Add (rows, width) at the end."""
        done = 0
        while done < len(rows):
            at = (self.end - self._dropped) % _ROWS_IN_CHUNK
            if at == 0:
                self._chunks.append(np.zeros((_ROWS_IN_CHUNK, self._width), self._dtype))
            count = min(_ROWS_IN_CHUNK - at, len(rows) - done)
            self._chunks[-1][at : at + count] = rows[done : done + count]
            done += count
            self.end += count
        if self._max_rows is not None:
            while self.end - self._dropped - _ROWS_IN_CHUNK >= self._max_rows:
                self._chunks.popleft()
                self._dropped += _ROWS_IN_CHUNK

    def read(self, start: int, end: int) -> NDArray[Number]:
        """Return the rows of ``[start, end)`` that are kept, (rows, width)."""
        start, end = max(start, self._dropped), min(end, self.end)
        if start >= end:
            return np.zeros((0, self._width), self._dtype)
        first, last = (start - self._dropped, end - self._dropped)
        parts = []
        for i in range(first // _ROWS_IN_CHUNK, (last - 1) // _ROWS_IN_CHUNK + 1):
            base = i * _ROWS_IN_CHUNK
            parts.append(self._chunks[i][max(0, first - base) : last - base])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
