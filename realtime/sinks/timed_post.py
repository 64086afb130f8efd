"""One request within one limit of time, however slowly the other side answers."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from email.message import Message
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
)

_Watch = Callable[[socket.socket], None]


class TimedPost:
    """Sends a request in a thread of its own, which ends with its limit.

    The limits that the library knows are those of single steps: of one address of a name, of one
    packet. A name server that hangs, or a receiver that sends a byte a second, keeps within them
    for hours. So the connection is cut once the whole has taken too long.

    Args:
        request: To send, once.
        timeout: From looking up the name to the last header of the answer (s).
        context: Of TLS.
    """

    def __init__(self, request: Request, timeout: float, context: ssl.SSLContext) -> None:
        self._request = request
        self._timeout = timeout
        self._opener = build_opener(_NoRedirects, _Http(self._watch), _Https(self._watch, context))
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._is_over = False
        self._error: Exception | None = None

    def send(self) -> None:
        """Send it, and return when it is taken: answered with 2xx.

        Raises:
            HTTPError: For any other answer.
            OSError: If there is none within the limit, or nobody is reached.
            HTTPException: If the answer is none of HTTP.
        """
        thread = threading.Thread(target=self._run, name="earmark post", daemon=True)
        thread.start()
        thread.join(self._timeout)
        with self._lock:
            was_late, self._is_over = thread.is_alive(), True
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
                self._connection.close()
        if was_late:
            raise TimeoutError(f"no whole answer within {self._timeout:g} s")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._opener.open(self._request, timeout=self._timeout).close()
        except (OSError, HTTPException, ValueError) as error:
            self._error = error

    def _watch(self, connection: socket.socket) -> None:
        with self._lock:
            if self._is_over:
                connection.close()
                raise TimeoutError("it is too late to send anything")
            # TLS takes the socket's place, and a second handle on the connection outlasts that.
            self._connection = connection.dup()


class _Connection(HTTPConnection):
    watch: _Watch

    def connect(self) -> None:
        super().connect()
        self.watch(self.sock)


class _SecureConnection(HTTPSConnection, _Connection):
    """Its TLS begins on a connection that is watched already."""


def _watched(kind: type[_Connection], watch: _Watch, host: str, **options: Any) -> HTTPConnection:
    connection = kind(host, **options)
    connection.watch = watch
    return connection


class _Http(HTTPHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_watched, _Connection, self._watch), req)


class _Https(HTTPSHandler):
    def __init__(self, watch: _Watch, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._watch = watch
        self._tls = context

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(
            partial(_watched, _SecureConnection, self._watch), req, context=self._tls
        )


class _NoRedirects(HTTPRedirectHandler):
    """Takes a redirect for a refusal: following it would turn a post into a question."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None
