"""One reader of the stream, and what waits for it."""

import asyncio
import json
from collections import deque

from websockets.asyncio.server import ServerConnection

# Events and changes of state that wait for a reader: minutes of the busiest street.
_MOST_WAITING = 256


class Client:
    """Sends one reader what it is told, as fast as it reads, and holds up nobody else.

    Of windows the newest alone waits: who reads slowly sees fewer, none of them late. All else
    waits in order, up to a bound; what is lost beyond it is counted, and the reader is told the
    count in its place. All of it belongs to the thread of the event loop.

    Args:
        connection: Open.
        most_waiting: Messages other than windows that may wait.

    Attributes:
        dropped: Messages other than windows that did not arrive so far.
    """

    def __init__(self, connection: ServerConnection, *, most_waiting: int = _MOST_WAITING) -> None:
        self.dropped = 0
        self._connection = connection
        self._most_waiting = most_waiting
        self._messages: deque[str] = deque()
        self._window: str | None = None
        self._untold = 0
        self._has_more = asyncio.Event()

    def tell(self, message: str) -> None:
        """Have a message sent, behind those that wait."""
        if len(self._messages) >= self._most_waiting:
            self._messages.popleft()
            self.dropped += 1
            self._untold += 1
        self._messages.append(message)
        self._has_more.set()

    def show(self, window: str) -> None:
        """Have a window sent, in the place of one that still waits."""
        self._window = window
        self._has_more.set()

    async def send_all(self) -> None:
        """Send what there is, again and again.

        Raises:
            ConnectionClosed: Once the reader has gone.
        """
        while True:
            await self._has_more.wait()
            self._has_more.clear()
            while (message := self._next()) is not None:
                await self._connection.send(message)

    def _next(self) -> str | None:
        """Return what is to be sent next; a window comes behind all else."""
        if self._untold:
            untold, self._untold = self._untold, 0
            return json.dumps({"type": "dropped", "dropped": untold})
        if self._messages:
            return self._messages.popleft()
        window, self._window = self._window, None
        return window
