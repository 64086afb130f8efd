"""The server: a page, a stream and a health endpoint, in a thread of its own."""

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import Coroutine, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from earmark.models.errors import EarmarkError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.sinks.base import LiveStream
from earmark.realtime.sinks.items import Item

from .address import Address
from .answers import PAGE, json_answer, page_file, refusal
from .auth import Guard, Refusal
from .client import Client
from .health import Vitals
from .messages import Messages

#: What browsers and others who name a subprotocol get; nobody has to.
PROTOCOL = Subprotocol("earmark")

_LOG = logging.getLogger("earmark")
# What strangers send to an open port is not worth a line, nor is each reader that comes or goes.
_QUIET = logging.getLogger("earmark.web")
_QUIET.setLevel(logging.CRITICAL)

_MOST_READERS = 200

# What waits on the way to a reader is late already when it arrives: windows that wait here are
# replaced by newer ones, those that the system has taken are not. So it takes little.
_UNSENT_BYTES = 32_768

# Readers that do not say goodbye when the server closes are not waited for any longer.
_CLOSING_SECONDS = 0.5
_OPENING_SECONDS = 5.0


class StreamServer:
    """Serves one stream to all who may read it.

    Args:
        stream: What is listened to.
        address: To listen at.
        guard: Says who may read.

    Attributes:
        address: With the port that was found, if any would do.

    Raises:
        EarmarkError: If it cannot listen there.
    """

    def __init__(self, stream: LiveStream, address: Address, guard: Guard) -> None:
        self._guard = guard
        self._messages = Messages(stream)
        self._vitals = Vitals(stream)
        self._clients: set[Client] = set()
        self._connections: WeakSet[ServerConnection] = WeakSet()
        self._dropped = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="earmark serve", daemon=True
        )
        self._thread.start()
        try:
            self._server = self._wait_for(self._open(address))
        except OSError as error:
            self._stop()
            raise EarmarkError(
                f"--serve cannot listen at {address}: {error.strerror or error}; choose another "
                "port, or an address of this machine"
            ) from error
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.address = Address(address.host, port)

    @property
    def dropped(self) -> int:
        """Messages other than windows that readers were too slow for; for any thread."""
        return self._dropped + sum(client.dropped for client in tuple(self._clients))

    def publish(self, item: Item) -> None:
        """Have an item told to all readers; waits for none of them."""
        self._wait_for(self._publish(item))

    def close(self) -> None:
        """Say goodbye to the readers, for half a second at most. Safe to call twice."""
        if self._thread.is_alive():
            self._wait_for(self._close())
            self._stop()

    async def _open(self, address: Address) -> Server:
        server = await serve(
            self._read,
            address.host,
            address.port,
            process_request=self._answer,
            subprotocols=[PROTOCOL],
            select_subprotocol=_select_subprotocol,
            # Small messages, often, to a network nearby: deflating them for each reader costs more.
            compression=None,
            server_header="earmark",
            open_timeout=_OPENING_SECONDS,
            close_timeout=_CLOSING_SECONDS,
            max_size=1_024,
            write_limit=_UNSENT_BYTES,
            logger=_QUIET,
            create_connection=cast("type[ServerConnection]", self._connection),
        )
        for listening in server.sockets:
            # Connections inherit it.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT_BYTES)
        return server

    async def _publish(self, item: Item) -> None:
        self._vitals.note(item)
        is_window = isinstance(item, WindowResult)
        if is_window and not self._clients:
            return
        message = json.dumps(self._messages.of(item), allow_nan=False)
        for client in self._clients:
            if is_window:
                client.show(message)
            else:
                client.tell(message)

    async def _read(self, connection: ServerConnection) -> None:
        """Serve a reader until it goes."""
        client = Client(connection)
        client.tell(json.dumps(self._messages.hello(), allow_nan=False))
        self._clients.add(client)
        sending = asyncio.create_task(client.send_all())
        try:
            # Nothing is expected of readers; but only who listens learns that they have gone.
            async for _ in connection:
                pass
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(client)
            self._dropped += client.dropped
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer to a request; None: it goes on as a WebSocket."""
        # Older releases of websockets know no other method.
        method = getattr(request, "method", "GET")
        try:
            answer = self._routed(method, _path_of(request.path), request.headers)
        except Refusal as refused:
            answer = refusal(refused.status, str(refused))
        if answer is not None and method == "HEAD":
            answer.body = b""
        return answer

    def _routed(self, method: str, path: str, headers: Headers) -> Response | None:
        if method not in ("GET", "HEAD"):
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Nothing can be changed here, only read.")
        self._guard.check_place(headers)
        if path == "/health":
            return self._health(headers)
        if path in PAGE:
            return page_file(path)
        if path != "/stream":
            raise Refusal(
                HTTPStatus.NOT_FOUND,
                "There are / (the page), /stream (a WebSocket) and /health here.",
            )
        self._guard.check_token(headers)
        if len(self._clients) >= _MOST_READERS:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{_MOST_READERS} readers are as many as can be served.",
            )
        return None

    def _health(self, headers: Headers) -> Response:
        """Return how the stream is; who has to know a token and does not hears no more than that.

        Those who watch over services seldom have tokens, and the page asks here whether it needs
        one.
        """
        problem = self._vitals.problem()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
        try:
            self._guard.check_token(headers)
        except Refusal:
            if "Authorization" in headers:
                raise
            word = "unwell" if problem else "well"
            return json_answer(status, {"status": word, "wants_token": True})
        return json_answer(status, self._vitals.report(readers=len(self._clients)))

    async def _close(self) -> None:
        self._server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), _CLOSING_SECONDS)
        # Whoever is still there has not even asked for anything yet, or does not read.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.transport.abort()
        # An aborted connection is closed in the next round of the loop.
        await asyncio.sleep(0)

    def _connection(self, *arguments: Any, **options: Any) -> ServerConnection:
        connection = ServerConnection(*arguments, **options)
        self._connections.add(connection)
        return connection

    def _wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _path_of(target: str) -> str:
    try:
        return urlsplit(target).path
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "What is asked for is no address.") from error


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    # A token among them is never sent back.
    return PROTOCOL if PROTOCOL in offered else None
