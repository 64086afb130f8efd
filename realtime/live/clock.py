"""The time of day of what was heard, however the device's clock and the computer's drift apart."""

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

from earmark.models.timebase import SAMPLE_RATE

# Distance between two marks, and how far back they reach: the longest event that is placed well.
_MARK_SECONDS = 1.0
_MARKS_KEPT = 3_600


class StreamClock:
    """Says when a moment of a stream was captured.

    A device's second is not the computer's: 200 millionths are 17 s a day. So the time of day is
    noted beside the count of samples again and again, and a moment lies between its neighbours.
    What the clock on the wall does meanwhile (set anew, or the computer asleep) is seen the same
    way: each moment has the time that the clock showed then.

    Args:
        captured_at: Gives when the sample before a given one was captured (monotonic s).
        written: Gives how many samples there are.
        monotonic: Clock that ``captured_at`` counts on (s).
        wall: Clock that people read (s since 1970).
    """

    def __init__(
        self,
        captured_at: Callable[[int], float],
        written: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._captured_at = captured_at
        self._written = written
        self._monotonic = monotonic
        self._wall = wall
        self._seconds: deque[float] = deque(maxlen=_MARKS_KEPT)
        self._times: deque[float] = deque(maxlen=_MARKS_KEPT)

    def observe(self) -> None:
        """Set a mark, if the last one is old enough; to be called often."""
        written = self._written()
        seconds = written / SAMPLE_RATE
        if self._seconds and seconds - self._seconds[-1] < _MARK_SECONDS:
            return
        age = self._monotonic() - self._captured_at(written)
        self._seconds.append(seconds)
        self._times.append(self._wall() - age)

    def time_of(self, seconds: float) -> float:
        """Return when a moment of the stream was captured, in seconds since 1970.

        Args:
            seconds: Of the stream; before the first mark and after the last, time goes on evenly.
        """
        if not self._seconds:
            self.observe()
        after = bisect_right(self._seconds, seconds)
        if after in (0, len(self._seconds)):
            mark = max(after - 1, 0)
            return self._times[mark] + seconds - self._seconds[mark]
        # Behind a jump of the clock, or a sleep, the mark before is as far away as it seems.
        return self._times[after - 1] + seconds - self._seconds[after - 1]
