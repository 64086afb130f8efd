"""``--webhook``: events and changes of state, posted to an address of the web."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the sink."""
    group = parser.add_argument_group("webhook")
    group.add_argument(
        "--webhook", default=None, metavar="URL", help="post each event there, as JSON"
    )
    group.add_argument(
        "--webhook-token-file",
        type=Path,
        default=None,
        metavar="FILE",
        help="holds a token to send along, which may also be in EARMARK_WEBHOOK_TOKEN",
    )
    group.add_argument("--webhook-timeout", type=float, default=5.0, help="seconds for a whole try")
    group.add_argument(
        "--webhook-tries", type=int, default=8, help="times that an event is tried, over a minute"
    )


def open_sink(args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
    """Return the sink, if it was asked for.

    Raises:
        UsageError: If the address is none of the web, or another option is out of range.
    """
    if args.webhook is None:
        return None
    from earmark.models.errors import UsageError
    from earmark.realtime.detection.events import TagEvent
    from earmark.realtime.sinks.items import StateChange
    from earmark.realtime.sinks.queued import QueuedSink
    from earmark.realtime.sinks.webhook import WebhookSink

    from .secret import read_secret

    _check_url(args.webhook)
    if not 0 < args.webhook_timeout < float("inf"):
        raise UsageError(f"--webhook-timeout must be above 0 seconds, got {args.webhook_timeout}")
    if args.webhook_tries < 1:
        raise UsageError(f"--webhook-tries must be at least 1, got {args.webhook_tries}")
    token = read_secret("--webhook-token-file", args.webhook_token_file, "EARMARK_WEBHOOK_TOKEN")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError("the token for --webhook must be printable ASCII, to fit into a header")
    sink = WebhookSink(
        stream, args.webhook, token=token, timeout=args.webhook_timeout, tries=args.webhook_tries
    )
    return QueuedSink(sink, kinds=(TagEvent, StateChange))


def _check_url(url: str) -> None:
    from earmark.models.errors import UsageError
    from earmark.realtime.sinks.hosts import is_host

    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and parts.port != 0
        is_usable = is_usable and is_host(parts.hostname or "")
    except ValueError:
        is_usable = False
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url:
        # The URL itself is not shown: it may be all that keeps others out.
        raise UsageError("--webhook must be a URL that begins with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise UsageError(
            "--webhook takes no user and password; put a token into --webhook-token-file"
        )
