"""Where the server listens."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from earmark.models.errors import UsageError
from earmark.realtime.sinks.hosts import is_host

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """A place to listen at.

    Args:
        host: Name or address of an interface of this machine.
        port: TCP; 0: any that is free.
    """

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address that ``[HOST:]PORT`` stands for; this machine alone without a host.

    Raises:
        UsageError: If it is none.
    """
    wanted = (
        "--serve must be a port or HOST:PORT, such as 8080, 0.0.0.0:8080 or [::]:8080, "
        f"got {text!r}"
    )
    full = text if ":" in text else f"{_LOOPBACK}:{text}"
    try:
        parts = urlsplit(f"//{full}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(wanted) from error
    is_plain = parts.netloc == full and "@" not in full and full.isascii() and " " not in full
    if not host or not is_host(host) or port is None or not is_plain:
        raise UsageError(wanted)
    return Address(host, port)
