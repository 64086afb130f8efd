"""From windows to one summary for each minute of the wall clock."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .entries import MinuteEntry, TagMinute

_MINUTE = 60


class MinuteSummaries:
    """Gathers the windows of a stream; memory does not grow with it.

    Args:
        tags: Names, in the order of the probabilities.
        thresholds: (tags,) from which on a tag is heard.
        hop: Seconds between windows, which each window speaks for.
    """

    def __init__(self, tags: Sequence[str], thresholds: NDArray[np.float32], *, hop: float) -> None:
        self._tags = tags
        self._thresholds = thresholds
        self._hop = hop
        self._minute: int | None = None
        self._clear()

    def add(
        self, time: float, probabilities: NDArray[np.float32], level_dbfs: float
    ) -> MinuteEntry | None:
        """Take a window.

        Args:
            time: That it speaks for (s since 1970).
            probabilities: (tags,) of it.
            level_dbfs: Of the sound at its end.

        Returns:
            The minute before, if this window belongs to another one.
        """
        minute = int(time // _MINUTE) * _MINUTE
        # A clock that is set back ends a minute, too: it comes a second time then.
        done = self.finish() if minute != self._minute else None
        self._minute = minute
        self._ended = time
        self._windows += 1
        self._power += 10 ** (level_dbfs / 10)
        self._total += probabilities
        np.maximum(self._peak, probabilities, out=self._peak)
        self._above += probabilities >= self._thresholds
        return done

    def finish(self) -> MinuteEntry | None:
        """Return what was gathered of a minute that is over, and begin another; None of nothing."""
        if self._minute is None or not self._windows:
            return None
        entry = MinuteEntry(
            minute=self._minute,
            ended=self._ended,
            tagged=round(self._windows * self._hop, 4),
            level=round(float(10 * np.log10(self._power / self._windows)), 1),
            tags=tuple(
                TagMinute(
                    tag=self._tags[tag],
                    above=round(int(self._above[tag]) * self._hop, 4),
                    peak=round(float(self._peak[tag]), 6),
                    mean=round(float(self._total[tag]) / self._windows, 6),
                )
                for tag in np.flatnonzero(self._above).tolist()
            ),
        )
        self._clear()
        return entry

    def _clear(self) -> None:
        count = len(self._tags)
        self._windows = 0
        self._ended = 0.0
        self._power = 0.0
        self._total = np.zeros(count)
        self._peak = np.zeros(count, np.float32)
        self._above = np.zeros(count, np.int64)
