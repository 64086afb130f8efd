"""Ending a command on the word of its user or of a service manager."""

import signal
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Farewell:
    """Notes Ctrl-C and SIGTERM, so that whoever works ends between two steps, not within one.

    An interrupt in the middle of telling an event would tell some of it and not the others. So the
    first signal is only noted; a second one, of somebody who does not want to wait, interrupts. Use
    it as a context manager, in the main thread.

    Attributes:
        is_said: Whether it is time to end.
    """

    def __init__(self) -> None:
        self.is_said = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.is_said:
            raise KeyboardInterrupt
        self.is_said = True
