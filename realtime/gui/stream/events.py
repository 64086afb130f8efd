"""The events of a stream, found in its windows as they come, and again when settings change."""

from collections.abc import Callable

from earmark.realtime.detection.events import TagEvent, TagTracker

from .windows import WindowHistory

# A stream that is listened to for days is not to fill the memory with what it heard.
_MAX_EVENTS = 6_000

# Dropped at once, so that whoever shows them does not have to begin anew with each.
_DROPPED_AT_ONCE = 1_000

# Events come in the order of their ends, but for a window or two.
_DISORDER_SECONDS = 2.0


class EventHistory:
    """Runs the tracker over the windows of a history.

    Args:
        windows: What the events are found in.
        new_tracker: Returns a tracker with the settings and thresholds that hold now.
    """

    def __init__(self, windows: WindowHistory, new_tracker: Callable[[], TagTracker]) -> None:
        self._windows = windows
        self._new_tracker = new_tracker
        self._tracker = new_tracker()
        self._next = 0
        self._is_flushed = False
        self._again: list[TagEvent] | None = None
        self._fresh: list[TagEvent] = []
        self.events: list[TagEvent] = []
        #: Grows with each change, so that whoever shows the events knows of it.
        self.version = 0

    def track_again(self) -> None:
        """Find the events anew; the old ones stay until the new ones are complete."""
        self._tracker = self._new_tracker()
        self._next = self._windows.first
        oldest = self._windows.middles(self._next, self._next + 1)
        # What no window is left of cannot be found again.
        self._again = [e for e in self.events if len(oldest) and e.end <= oldest[0]]
        self._is_flushed = False

    def step(self, *, is_over: bool) -> bool:
        """Take one window more, or end the stream; False where nothing is left to do."""
        if self._next < self._windows.end:
            self._next = max(self._next, self._windows.first)
            found = self._tracker.update(self._windows.result(self._next))
            self._next += 1
        elif is_over and not self._is_flushed:
            found = self._tracker.flush()
            self._is_flushed = True
        else:
            self._take_over()
            return False
        if self._again is not None:
            self._again += found
        elif found:
            self.events += found
            self._fresh += found
            if len(self.events) > _MAX_EVENTS:
                del self.events[:_DROPPED_AT_ONCE]
            self.version += 1
        return True

    def between(self, start: float, end: float, *, merge_gap: float) -> list[TagEvent]:
        """Return the events that reach into a stretch (s), those that still last among them.

        Args:
            start: Of the stretch.
            end: Of the stretch.
            merge_gap: Of the settings: so long an event waits before it is complete.
        """
        found = [event for event in self.lasting() if event.end > start and event.start < end]
        for event in reversed(self.events):
            if event.end < start - merge_gap - _DISORDER_SECONDS:
                break
            if event.end > start and event.start < end:
                found.append(event)
        return found

    def lasting(self) -> list[TagEvent]:
        """Return the events that are not complete yet, as far as they have come."""
        return [] if self._again is not None else self._tracker.lasting()

    def take_fresh(self) -> list[TagEvent]:
        """Return the events that are new since the last call; not those found once more."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _take_over(self) -> None:
        if self._again is not None:
            self.events, self._again = self._again, None
            self.version += 1
