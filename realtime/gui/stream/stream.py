"""A hearing with all that is known of it: windows, events and what it looks like."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.detection.events import EventSettings, TagTracker

from .events import EventHistory
from .session import Hearing
from .spectrogram import Spectrogram
from .windows import WindowHistory


class ObservedStream:
    """Gathers what a hearing brings, a little at a time, for one thread that also draws.

    Args:
        hearing: Started.
        tags: In the order of the probabilities.
        branches: In the order of the branch probabilities.
        hop: Seconds between windows.
        thresholds: (tags,) from which on a tag is heard.
        settings: What counts as an event.
        max_seconds: That can be looked back on; None: all.
    """

    def __init__(
        self,
        hearing: Hearing,
        tags: Sequence[str],
        branches: Sequence[str],
        *,
        hop: float,
        thresholds: NDArray[np.float32],
        settings: EventSettings,
        max_seconds: float | None = None,
    ) -> None:
        self.hearing = hearing
        self.tags = tuple(tags)
        self.branches = tuple(branches)
        self.hop = hop
        self.thresholds = thresholds
        self.settings = settings
        max_windows = None if max_seconds is None else int(max_seconds / hop)
        self.windows = WindowHistory(len(tags), len(branches), max_windows)
        self.spectrogram = Spectrogram(max_seconds)
        self.events = EventHistory(self.windows, self._new_tracker)
        self._max_seconds = max_seconds

    @property
    def seconds(self) -> float:
        """How much of the stream is there."""
        return self.hearing.sound.written / SAMPLE_RATE

    @property
    def oldest(self) -> float:
        """From when on it can be looked back on (s)."""
        return 0.0 if self._max_seconds is None else max(0.0, self.seconds - self._max_seconds)

    @property
    def is_complete(self) -> bool:
        """Whether the hearing is over and all of it is here."""
        return self.hearing.is_over and self.spectrogram.seconds + 0.1 > self.seconds

    def change(self, *, thresholds: NDArray[np.float32], settings: EventSettings) -> None:
        """Find the events anew with other settings."""
        self.thresholds, self.settings = thresholds, settings
        self.events.track_again()

    def advance(self, budget_seconds: float) -> list[WindowResult]:
        """Take in what has come, for about so long at most; the rest waits for the next call.

        Returns:
            The results that are new.

        Raises:
            Exception: Whatever ended the hearing's worker before its time.
        """
        end = time.perf_counter() + budget_seconds
        is_over = self.hearing.is_over
        results = self.hearing.poll(0.0)
        self.windows.add(results)
        has_more = True
        while has_more and time.perf_counter() < end:
            has_more = self.spectrogram.extend(self.hearing.sound)
            for _ in range(8):
                has_more |= self.windows.smooth_step(time_constant=self.settings.smoothing)
                has_more |= self.events.step(is_over=is_over)
        return results

    def _new_tracker(self) -> TagTracker:
        return TagTracker(
            self.tags, self.branches, self.thresholds, hop=self.hop, settings=self.settings
        )
