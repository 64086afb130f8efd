"""``--osc``: what is heard as Open Sound Control, for instruments, lights and pictures."""

import argparse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the sink."""
    group = parser.add_argument_group("osc")
    group.add_argument(
        "--osc",
        default=None,
        metavar="HOST:PORT",
        help="send each window's probabilities and the events by UDP",
    )
    group.add_argument(
        "--osc-branches", action="store_true", help="send what each branch believes, too"
    )


def open_sink(args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
    """Return the sink, if it was asked for.

    Raises:
        UsageError: If the address is none.
        EarmarkError: If python-osc is not installed.
    """
    if args.osc is None:
        return None
    from earmark.models.errors import EarmarkError
    from earmark.models.streaming.results import WindowResult
    from earmark.realtime.detection.events import TagEvent
    from earmark.realtime.sinks.items import Sounding, StateChange
    from earmark.realtime.sinks.queued import QueuedSink

    try:
        from earmark.realtime.sinks.osc import OscSink
    except ModuleNotFoundError as error:
        raise EarmarkError(
            "--osc needs python-osc, which is not installed: pip install 'earmark[osc]'"
        ) from error
    host, port = _parse_address(args.osc)
    sink = OscSink(stream, host, port, top=args.top, has_branches=args.osc_branches)
    return QueuedSink(sink, kinds=(WindowResult, TagEvent, Sounding, StateChange))


def _parse_address(address: str) -> tuple[str, int]:
    from earmark.models.errors import UsageError
    from earmark.realtime.sinks.hosts import is_host

    wanted = f"--osc must be HOST:PORT, such as localhost:57120, got {address!r}"
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(wanted) from error
    if not host or not is_host(host) or not port or parts.netloc != address or "@" in address:
        raise UsageError(wanted)
    return host, port
