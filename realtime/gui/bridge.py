"""The one place where other threads meet Qt's."""

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from PyQt6.QtCore import QObject, pyqtSignal

Value = TypeVar("Value")


class Bridge(QObject):
    """Takes calls from any thread and makes them in the thread that it lives in.

    However many calls wait, one announcement is on its way: the event queue does not grow.
    """

    _announced = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[Callable[[], None]] = deque()
        self._is_announced = False
        self._announced.connect(self._make_calls)

    def post(self, call: Callable[[], None]) -> None:
        """Make a call soon; from any thread."""
        self._calls.append(call)
        if not self._is_announced:
            self._is_announced = True
            self._announced.emit()

    def _make_calls(self) -> None:
        # Cleared first: a call that arrives meanwhile announces itself again.
        self._is_announced = False
        for _ in range(len(self._calls)):
            self._calls.popleft()()


class Background:
    """Does slow things one after the other in a thread of its own: files, models, devices.

    Args:
        bridge: By which the outcome comes back.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="earmark background", daemon=True)
        self._thread.start()

    def run(
        self,
        work: Callable[[], Value],
        done: Callable[[Value], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Do some work there, and call ``done`` or ``failed`` here with the outcome."""

        def task() -> None:
            try:
                value = work()
            except Exception as error:  # the thread's top: whoever asked is told
                problem = error
                self._bridge.post(lambda: failed(problem))
            else:
                self._bridge.post(lambda: done(value))

        self._tasks.put(task)

    def close(self) -> None:
        """End the thread after what it does now; what waits is left undone."""
        self._is_closed = True
        self._tasks.put(None)
        self._thread.join(timeout=1.5)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._is_closed:
            task()
