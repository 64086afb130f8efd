"""``earmark live --clips DIR``: a FLAC file of each event, within a quota."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.realtime.commands.quantities import length_or_none, size_or_none

if TYPE_CHECKING:
    from earmark.realtime.sinks.base import LiveStream, Sink

# Half of what is kept of the sound, so that there is as much again for the event itself.
_MOST_AROUND = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--clips`` and what goes with it."""
    group = parser.add_argument_group("clips")
    group.add_argument(
        "--clips",
        type=Path,
        default=None,
        metavar="DIR",
        help="save a FLAC file of each event there, named by when it began (UTC) and its tag",
    )
    group.add_argument(
        "--clips-before", type=float, default=2.0, metavar="S", help="heard before the event (s)"
    )
    group.add_argument(
        "--clips-after", type=float, default=2.0, metavar="S", help="heard after the event (s)"
    )
    group.add_argument(
        "--clips-max-size",
        type=size_or_none,
        default="1GB",
        metavar="SIZE",
        help="such as 500MB: beyond it the oldest clips are removed, never the newest, and never "
        "a file that Earmark did not write there; none: keep all",
    )
    group.add_argument(
        "--clips-max-age",
        type=length_or_none,
        default="none",
        metavar="TIME",
        help="such as 12h or 30d: older clips are removed likewise; none: keep all",
    )


def open_sink(args: argparse.Namespace, stream: "LiveStream") -> "Sink | None":
    """Return what saves clips in the folder that was asked for.

    Raises:
        EarmarkError: If the folder cannot be made or another process writes clips to it.
        UsageError: If an option is out of range.
    """
    if args.clips is None:
        return None
    from earmark.models.errors import UsageError
    from earmark.realtime.recording.quota import Quota, QuotaFolder
    from earmark.realtime.sinks.clips import ClipSink

    for option in ("before", "after"):
        seconds = getattr(args, f"clips_{option}")
        if not 0 <= seconds <= _MOST_AROUND:
            raise UsageError(
                f"--clips-{option} must lie between 0 and {_MOST_AROUND:.0f} s, got {seconds}"
            )
    folder = QuotaFolder(
        args.clips.expanduser(), Quota(size=args.clips_max_size, age=args.clips_max_age)
    )
    return ClipSink(folder, stream, before=args.clips_before, after=args.clips_after)
