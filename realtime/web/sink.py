"""Hands what is heard to the server."""

from earmark.realtime.sinks.items import Item

from .server import StreamServer


class ServeSink:
    """Tells the readers of a server.

    Args:
        server: Closed with this.
    """

    name = "serve"

    def __init__(self, server: StreamServer) -> None:
        self._server = server

    @property
    def dropped(self) -> int:
        """Items other than windows that readers were too slow for."""
        return self._server.dropped

    def take(self, item: Item) -> None:
        """Tell an item; waits for no reader."""
        self._server.publish(item)

    def close(self) -> None:
        """Say goodbye to the readers."""
        self._server.close()
