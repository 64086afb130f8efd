"""A running source and the ring it fills, with the time at which each sample was captured."""

import time

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES

from .level import level_at
from .ring_buffer import RingBuffer
from .source import AudioSource

# Several windows, so that a late reader still finds its own.
_RING_SAMPLES = 8 * WINDOW_SAMPLES


class Capture:
    """Writes what a source delivers into a ring.

    Args:
        source: Not started yet.
        kept_samples: How much of the newest sound stays to be read.
    """

    def __init__(self, source: AudioSource, *, kept_samples: int = _RING_SAMPLES) -> None:
        self.source = source
        self.ring = RingBuffer(kept_samples)
        self._newest = (0, time.monotonic())

    def start(self) -> None:
        """Start the source.

        Raises:
            AudioError: If it cannot be opened.
        """
        self.source.start(self._write)

    def close(self) -> None:
        """Stop the source."""
        self.source.close()

    def captured_at(self, end_sample: int) -> float:
        """Return when the sample before ``end_sample`` was captured, on the monotonic clock (s)."""
        written, at = self._newest
        return at - (written - end_sample) / SAMPLE_RATE

    def level_dbfs(self) -> float:
        """Return the level of the newest 50 ms as decibels of full scale, -120 at the least."""
        return level_at(self.ring, self.ring.written).rms_dbfs

    def _write(self, block: NDArray[np.float32]) -> None:
        self.ring.write(block)
        # One assignment of one pair: a reader sees both values of the same moment.
        self._newest = (self.ring.written, time.monotonic())
