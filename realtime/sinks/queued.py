"""A sink in a thread of its own, so that whoever is slow holds up nobody."""

import logging
import threading
from collections import deque

from earmark.models.errors import EarmarkError
from earmark.models.streaming.results import WindowResult

from .base import LossySink, Sink
from .items import Item

_LOG = logging.getLogger("earmark")

# A minute and a half of windows at ten a second: longer is not late any more, but lost.
_MOST_WAITING = 1_000

_CLOSING_SECONDS = 1.0


class QueuedSink:
    """Hands items on to another sink, from its own thread.

    What waits is bounded: where the other sink is too slow, the oldest windows are dropped first,
    and counted. Events and changes of state are dropped last. What goes wrong in the other sink, by
    a fault of its own, too, ends it alone: that is logged once, and nothing is handed on any more.

    Args:
        sink: To hand on to; only this thread calls it.
        kinds: Of items that it wants, None: all. What it does not want cannot be late.
        most_waiting: Items that may wait.

    Attributes:
        failure: What ended the other sink before its time, else empty; may be read in any thread.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        kinds: tuple[type[Item], ...] | None = None,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self.name = sink.name
        self.failure = ""
        self._sink = sink
        self._kinds = kinds
        self._dropped = 0
        self._is_handing_on = False
        self._most_waiting = most_waiting
        self._windows: deque[tuple[int, Item]] = deque()
        self._others: deque[tuple[int, Item]] = deque()
        self._taken = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=f"earmark {sink.name}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Items that did not arrive: dropped here, or given up by the other sink."""
        return self._dropped + (self._sink.dropped if isinstance(self._sink, LossySink) else 0)

    def take(self, item: Item) -> None:
        """Put an item into the queue; never waits for the other sink."""
        if self._kinds is not None and not isinstance(item, self._kinds):
            return
        with self._changed:
            if self._is_closing or self.failure:
                return
            queue = self._windows if isinstance(item, WindowResult) else self._others
            queue.append((self._taken, item))
            self._taken += 1
            if len(self._windows) + len(self._others) > self._most_waiting:
                (self._windows or self._others).popleft()
                self._dropped += 1
            self._changed.notify()

    def close(self) -> None:
        """Hand on what waits, for a second at most; what is left then is dropped."""
        with self._changed:
            was_closing, self._is_closing = self._is_closing, True
            self._changed.notify()
        if was_closing:
            return
        self._thread.join(timeout=_CLOSING_SECONDS)
        with self._changed:
            if self._thread.is_alive():
                self._dropped += len(self._windows) + len(self._others) + self._is_handing_on
                self._windows.clear()
                self._others.clear()
        if self.dropped:
            _LOG.warning("%s: %d items did not arrive", self.name, self.dropped)

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                self._sink.take(item)
        except EarmarkError as error:
            self._fail(str(error) or type(error).__name__)
            _LOG.error("%s has ended: %s", self.name, error)
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            _LOG.exception("%s has ended by a fault of its own; the others go on", self.name)
        try:
            self._sink.close()
        except Exception as error:
            # One line for one failure: what could not go on can often not be closed either.
            if not self.failure:
                self._fail(f"{type(error).__name__}: {error}")
                _LOG.exception("%s could not be closed", self.name)

    def _fail(self, why: str) -> None:
        """Say why it has ended, and let go of what waits: it would never be handed on."""
        with self._changed:
            self.failure = why
            self._dropped += len(self._windows) + len(self._others) + self._is_handing_on
            self._is_handing_on = False
            self._windows.clear()
            self._others.clear()

    def _next(self) -> Item | None:
        """Return the oldest item, waiting for one; None once it is closed and nothing is left."""
        with self._changed:
            self._is_handing_on = False
            while not self._windows and not self._others:
                if self._is_closing:
                    return None
                self._changed.wait()
            self._is_handing_on = True
            heads = [queue for queue in (self._windows, self._others) if queue]
            return min(heads, key=lambda queue: queue[0][0]).popleft()[1]
