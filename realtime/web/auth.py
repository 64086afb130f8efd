"""Who may read the stream.

A browser lets any page open a WebSocket to any server, and adds no more than the page's address in
``Origin``. Without a look at it, a page from anywhere that its reader has open could listen along
through the reader's own browser, also on a port of this machine alone. So ``Origin``, where there
is one, must be the address that the request itself is for.

By DNS rebinding a foreign page gets around that: its own name is made to stand for 127.0.0.1, and
both headers agree. What gives it away is that name in ``Host``. So without a token ``Host`` must be
an address in digits, which nobody can make stand for another, or a name of this machine. With a
token any name will do, such as that of a proxy in front: the token is kept by the browser for the
address that it was given to, and never sent to another.
"""

import base64
import binascii
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.datastructures import Headers

#: Offered by browsers, which cannot send a header of their own with a WebSocket: the token follows
#: as base64url without padding.
TOKEN_PROTOCOL = "earmark.token."


class Refusal(Exception):  # noqa: N818 -- no error of ours: an answer
    """A request is not answered with what it asks for.

    Args:
        status: Of HTTP.
        why: One line that names the way out.
    """

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Checks the headers of requests.

    Args:
        token: That readers must know; None: whoever reaches the server may read.
        names: Of this machine, besides ``localhost``.
    """

    def __init__(self, token: str | None, names: Sequence[str] = ()) -> None:
        self._token = token
        own = {name.lower().rstrip(".") for name in names if name}
        self._names = own | {f"{name}.local" for name in own} | {"localhost"}

    @property
    def wants_token(self) -> bool:
        """Whether readers must know a token."""
        return self._token is not None

    def check_place(self, headers: Headers) -> None:
        """Check that no foreign page asks.

        Raises:
            Refusal: If one may.
        """
        hosts, origins = headers.get_all("Host"), headers.get_all("Origin")
        host = _host_of(f"//{hosts[0]}") if len(hosts) == 1 else ""
        if not host:
            raise Refusal(HTTPStatus.BAD_REQUEST, "There must be one Host header.")
        if self._token is None and not self._is_own(host):
            raise Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "This server is not known by that name. Use its address in digits, or give it a "
                "token (--serve-token-file): it may then be called by any name.",
            )
        for origin in origins:
            # The scheme may differ: a proxy in front may speak TLS. The port may not.
            if _netloc_of(origin) != hosts[0].lower():
                raise Refusal(
                    HTTPStatus.FORBIDDEN,
                    "A page from elsewhere may not read this; a proxy must pass on Host.",
                )

    def check_token(self, headers: Headers) -> None:
        """Check that the token is there, as a bearer's or among the subprotocols.

        Raises:
            Refusal: If it is not, or is another.
        """
        if self._token is None:
            return
        given = _token_in(headers)
        # In constant time: how long a refusal takes tells nothing of the token.
        if given is None or not hmac.compare_digest(given, self._token.encode()):
            raise Refusal(
                HTTPStatus.UNAUTHORIZED,
                "The token is missing or wrong: send it as Authorization: Bearer TOKEN.",
            )

    def _is_own(self, host: str) -> bool:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host.rstrip(".") in self._names
        return True


def names_of_this_machine(host: str) -> list[str]:
    """Return what this machine may be called, with the host that it listens at."""
    full = socket.gethostname()
    return [host, full, full.partition(".")[0]]


def _netloc_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The Origin header is no address.") from error


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _token_in(headers: Headers) -> bytes | None:
    for value in headers.get_all("Authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip().encode("utf-8", "replace")
    for value in headers.get_all("Sec-WebSocket-Protocol"):
        for protocol in value.split(","):
            if protocol.strip().startswith(TOKEN_PROTOCOL):
                return _decoded(protocol.strip().removeprefix(TOKEN_PROTOCOL))
    return None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
