"""The sound of a whole recording, kept on disk while it is being looked at."""

import os
import tempfile
import threading

import numpy as np
from numpy.typing import NDArray

_BYTES = np.dtype(np.float32).itemsize


class SpooledSound:
    """Samples by their index, like a ring buffer that forgets nothing and takes no memory.

    One thread writes, any number read. The file has no name, so nothing is left of it.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="earmark-", buffering=0)  # noqa: SIM115 - closed by close
        self._written = 0
        self._lock = threading.Lock()
        self._is_closed = False

    @property
    def written(self) -> int:
        """Samples written so far."""
        return self._written

    def write(self, block: NDArray[np.float32]) -> None:
        """Append (samples,) float32.

        Raises:
            OSError: If the disk is full.
        """
        view = memoryview(np.ascontiguousarray(block, np.float32).tobytes())
        with self._lock:
            if self._is_closed:
                return
            at = self._written * _BYTES
            while view:
                done = os.pwrite(self._file.fileno(), view, at)
                view, at = view[done:], at + done
            self._written += len(block)

    def read(self, start: int, count: int) -> NDArray[np.float32] | None:
        """Return (count,) float32 from ``start`` on, or None once it is closed.

        Raises:
            ValueError: If some of them are not written yet.
        """
        if start < 0 or count < 0 or start + count > self._written:
            raise ValueError(
                f"cannot read {count} samples from {start}: {self._written} are written"
            )
        with self._lock:
            if self._is_closed:
                return None
            found = os.pread(self._file.fileno(), count * _BYTES, start * _BYTES)
        return np.frombuffer(found, np.float32)

    def close(self) -> None:
        """Give the disk back. Safe to call twice."""
        with self._lock:
            self._is_closed = True
            self._file.close()
