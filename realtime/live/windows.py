"""Windows of a stream, one each hop; what cannot be kept up with is skipped and counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import WINDOW_SAMPLES
from earmark.realtime.audio.ring_buffer import RingBuffer


@dataclass(frozen=True)
class Window:
    """One model input.

    Args:
        start_sample: Where it starts in the stream.
        samples: (16000,) float32.
    """

    start_sample: int
    samples: NDArray[np.float32]


class WindowReader:
    """Reads the window of each hop, at absolute multiples of the hop.

    Sound arrives in bursts, so a few windows may wait their turn. When more than that wait, the
    machine does not keep up: the reader goes to the newest one and counts those it left out.

    Args:
        ring: What the stream is written to.
        hop_samples: Distance between windows.
        patience: Windows that may wait.

    Raises:
        ValueError: If the hop is less than a sample, or the ring too short for a late reader.
    """

    def __init__(self, ring: RingBuffer, hop_samples: int, *, patience: int = 3) -> None:
        if hop_samples < 1:
            raise ValueError(f"a hop must be at least one sample, got {hop_samples}")
        needed = WINDOW_SAMPLES + (patience + 1) * hop_samples
        if ring.capacity < needed:
            raise ValueError(
                f"a ring of {ring.capacity} samples is too short for windows every {hop_samples}; "
                f"it needs {needed}"
            )
        self._ring = ring
        self._hop = hop_samples
        self._patience = patience
        self._next = 0
        self.skipped = 0

    def next(self) -> Window | None:
        """Return the next window, or None where it is not complete yet."""
        while True:
            newest = (self._ring.written - WINDOW_SAMPLES) // self._hop
            if newest < self._next:
                return None
            if newest - self._next > self._patience:
                self.skipped += newest - self._next
                self._next = newest
            start = self._next * self._hop
            samples = self._ring.read(start, WINDOW_SAMPLES)
            self._next += 1
            if samples is not None:
                return Window(start, samples)
            # Overtaken by the writer while reading.
            self.skipped += 1

    def last(self) -> Window | None:
        """Return the window that ends with the stream, once that has ended and ``next`` gives none.

        Returns:
            None where the windows so far leave no tail. A stream shorter than a window is padded
            with silence behind it.
        """
        written = self._ring.written
        covered = (self._next - 1) * self._hop + WINDOW_SAMPLES if self._next else 0
        if written <= covered:
            return None
        start = max(0, written - WINDOW_SAMPLES)
        samples = self._ring.read(start, written - start)
        self._next = written // self._hop + 1
        if samples is None:
            return None
        return Window(start, np.pad(samples, (0, WINDOW_SAMPLES - len(samples))))
