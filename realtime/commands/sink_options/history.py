"""``earmark live --history FILE``: events and minutes in an SQLite file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--history``."""
    group = parser.add_argument_group("history")
    group.add_argument(
        "--history",
        type=Path,
        default=None,
        metavar="FILE",
        help="SQLite file to add events and a summary of each minute to; `earmark history FILE` "
        "reads it, at the same time, too",
    )


def open_sink(args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
    """Return what writes into the file that was asked for.

    Raises:
        EarmarkError: If it is not a history, or cannot be written.
    """
    if args.history is None:
        return None
    import uuid

    from earmark.realtime.history.entries import SessionEntry
    from earmark.realtime.history.writer import HistoryWriter
    from earmark.realtime.sinks.history import HistorySink

    session = SessionEntry(
        key=uuid.uuid4().hex,
        source=stream.source,
        bundle=stream.bundle,
        hop=stream.hop,
        began=round(stream.clock.time_of(0.0), 6),
    )
    return HistorySink(HistoryWriter(args.history.expanduser(), session), stream)
