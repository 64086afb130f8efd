"""``--serve``: a page in the browser, a stream by WebSocket and a health endpoint."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink
    from earmark.realtime.web.address import Address

_LOG = logging.getLogger("earmark")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the sink."""
    group = parser.add_argument_group("serve")
    group.add_argument(
        "--serve",
        default=None,
        metavar="[HOST:]PORT",
        help="show it in the browser, stream it to WebSockets and answer /health; without a host: "
        "to this machine alone",
    )
    group.add_argument(
        "--serve-token-file",
        type=Path,
        default=None,
        metavar="FILE",
        help="holds a token that readers must know, which may also be in EARMARK_SERVE_TOKEN",
    )
    group.add_argument(
        "--serve-open",
        action="store_true",
        help="let whoever reaches another HOST than this machine read without a token",
    )


def open_sink(args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
    """Return the sink, if it was asked for.

    Raises:
        UsageError: If the address is none, or lets others read without having been told to.
        EarmarkError: If websockets is not installed, or nothing can listen there.
    """
    if args.serve is None:
        return None
    from earmark.models.errors import EarmarkError, UsageError
    from earmark.realtime.sinks.queued import QueuedSink
    from earmark.realtime.web.address import parse_address

    from .secret import read_secret

    address = parse_address(args.serve)
    path = args.serve_token_file
    token = read_secret(
        "--serve-token-file", None if path is None else path.expanduser(), "EARMARK_SERVE_TOKEN"
    )
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(
            "the token for --serve must be printable ASCII without spaces, to fit into a header"
        )
    if not address.is_loopback and token is None and not args.serve_open:
        raise UsageError(
            f"--serve {args.serve} would let everyone on the network follow what is heard: give a "
            "token (--serve-token-file FILE), or say that they may (--serve-open), or leave out "
            "the host: then only this machine can"
        )
    try:
        from earmark.realtime.web.auth import Guard, names_of_this_machine
        from earmark.realtime.web.server import StreamServer
        from earmark.realtime.web.sink import ServeSink
    except ModuleNotFoundError as error:
        raise EarmarkError(
            "--serve needs websockets, which is not installed: pip install 'earmark[web]'"
        ) from error
    guard = Guard(token, names_of_this_machine(address.host))
    server = StreamServer(stream, address, guard)
    _LOG.info("serve: %s", _place(server.address, wants_token=guard.wants_token))
    return QueuedSink(ServeSink(server))


def _place(address: "Address", *, wants_token: bool) -> str:
    from socket import gethostname

    # All of this machine's addresses together are no address to go to.
    host = gethostname() if address.host in ("0.0.0.0", "::") else address.host
    where = f"http://{replace(address, host=host)}/"
    return f"{where}#token=TOKEN, or enter the token there" if wants_token else where
