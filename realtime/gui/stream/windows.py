"""The results of a stream, to be looked up by time."""

import numpy as np
from numpy.typing import NDArray

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES
from earmark.realtime.detection.smoothing import smooth_step

from .rows import RowStore


class WindowHistory:
    """Probabilities of the newest windows. A window stands for the time at its middle.

    Args:
        n_tags: In each result.
        n_branches: In each result.
        max_windows: Kept; None keeps all.
    """

    def __init__(self, n_tags: int, n_branches: int, max_windows: int | None = None) -> None:
        self._n_tags = n_tags
        self._n_branches = n_branches
        self._starts: RowStore[np.int64] = RowStore(1, np.int64, max_windows)
        # All outputs side by side: the combined one, then the branches.
        self._outputs = RowStore(n_tags * (1 + n_branches), np.float32, max_windows)
        self._max_windows = max_windows
        self._time_constant = -1.0
        self._smoothed = RowStore(n_tags * (1 + n_branches), np.float32, max_windows)

    @property
    def first(self) -> int:
        """Number of the oldest window that is kept."""
        return self._starts.first

    @property
    def end(self) -> int:
        """Windows so far: one past the number of the newest."""
        return self._starts.end

    def add(self, results: list[WindowResult]) -> None:
        """Append results, in the order of their time."""
        if not results:
            return
        self._starts.append(np.array([[result.start_sample] for result in results]))
        combined = np.stack([result.probabilities for result in results])
        branches = np.stack([result.branch_probabilities for result in results])
        self._outputs.append(np.hstack([combined, branches.reshape(len(results), -1)]))

    def middles(self, start: int, end: int) -> NDArray[np.float64]:
        """Return the seconds at which the windows ``[start, end)`` have their middle."""
        starts = self._starts.read(start, end)[:, 0]
        return (starts.astype(np.float64) + WINDOW_SAMPLES / 2) / SAMPLE_RATE

    @property
    def newest(self) -> float | None:
        """Seconds at which the newest window has its middle, None where there is none."""
        return float(self.middles(self.end - 1, self.end)[0]) if self.end > self.first else None

    def nearest(self, seconds: float) -> int | None:
        """Return the number of the window whose middle is nearest, None where there is none."""
        if self.end == self.first:
            return None
        wanted = round(seconds * SAMPLE_RATE - WINDOW_SAMPLES / 2)
        i = self._after(wanted)
        if i == self.end or (
            i > self.first and wanted - self._start_of(i - 1) < self._start_of(i) - wanted
        ):
            i -= 1
        return i

    def between(self, start: float, end: float) -> tuple[int, int]:
        """Return the numbers ``[first, end)`` of the windows with their middle in a time (s)."""
        half = WINDOW_SAMPLES / 2
        first = self._after(round(start * SAMPLE_RATE - half))
        return first, max(first, self._after(round(end * SAMPLE_RATE - half) + 1))

    def result(self, number: int) -> WindowResult:
        """Return a window as the engine gave it, but for how long it took.

        Raises:
            IndexError: If it is not kept.
        """
        if not self.first <= number < self.end:
            raise IndexError(f"window {number} is not among {self.first} to {self.end - 1}")
        start = self._start_of(number)
        outputs = self._outputs.read(number, number + 1).reshape(-1, self._n_tags)
        return WindowResult(
            start_sample=start,
            end_sample=start + WINDOW_SAMPLES,
            probabilities=outputs[0],
            branch_probabilities=outputs[1:],
            inference_seconds=0.0,
        )

    def smooth_step(self, *, time_constant: float) -> bool:
        """Smooth one window more; False where all are.

        A time constant (s) other than the one before begins anew with the oldest window.
        """
        if time_constant != self._time_constant:
            self._time_constant = time_constant
            width = self._n_tags * (1 + self._n_branches)
            self._smoothed = RowStore(width, np.float32, self._max_windows)
            self._smoothed.skip_to(self.first)
        number = self._smoothed.end
        if number >= self.end:
            return False
        if number < self.first:
            self._smoothed.skip_to(self.first)
            number = self.first
        is_first = number == self._smoothed.first
        rows = self._outputs.read(number, number + 1)
        self._smoothed.append(
            smooth_step(
                None if is_first else self._smoothed.read(number - 1, number)[0],
                rows[0],
                seconds=0.0 if is_first else self._seconds_before(number),
                time_constant=time_constant,
            )[None]
        )
        return True

    def smoothed(self, start: int, end: int) -> NDArray[np.float32]:
        """Return the windows ``[start, end)`` that are smoothed so far, (windows, tags)."""
        return self._smoothed.read(start, end)[:, : self._n_tags]

    def smoothed_outputs(self, seconds: float) -> NDArray[np.float32] | None:
        """Return what the window nearest to a time says, smoothed.

        Returns:
            (1 + branches, tags), the combined output first; None where no window is that near yet.
        """
        number = self.nearest(seconds)
        if number is None or self._smoothed.end == self._smoothed.first:
            return None
        number = min(number, self._smoothed.end - 1)
        if abs(self._start_of(number) / SAMPLE_RATE + 0.5 - seconds) > 1:
            return None
        return self._smoothed.read(number, number + 1).reshape(-1, self._n_tags)

    def _seconds_before(self, number: int) -> float:
        return (self._start_of(number) - self._start_of(number - 1)) / SAMPLE_RATE

    def _start_of(self, number: int) -> int:
        return int(self._starts.read(number, number + 1)[0, 0])

    def _after(self, start_sample: int) -> int:
        """Return the first window that starts at a sample or later, by bisection."""
        low, high = self.first, self.end
        while low < high:
            middle = (low + high) // 2
            if self._start_of(middle) < start_sample:
                low = middle + 1
            else:
                high = middle
        return low
