"""``earmark history``: lists, filters, exports and draws what ``earmark live`` has written."""

import argparse
import sys
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from .quantities import day, end_moment, moment

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from typing import TextIO

# More is no table to look at; programs get all.
_ROWS_SHOWN = 50

_TAGS_DRAWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark history``."""
    parser.add_argument("path", type=Path, metavar="FILE", help="that --history has written")
    parser.add_argument(
        "--minutes", action="store_true", help="a summary of each minute, not the events"
    )
    parser.add_argument(
        "--tag",
        default=None,
        metavar="NAME,...",
        help="only these tags; separate by semicolons where a name has a comma",
    )
    parser.add_argument(
        "--since",
        type=moment,
        default=argparse.SUPPRESS,
        metavar="WHEN",
        help="what began from then on: 2h or 3d ago, 2026-03-01 or 2026-03-01T18:30 local time",
    )
    parser.add_argument(
        "--until",
        type=end_moment,
        default=argparse.SUPPRESS,
        metavar="WHEN",
        help="what began before; of a date, the end of that day",
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=None,
        metavar="N",
        help=f"only the newest N; without it: {_ROWS_SHOWN} in a table, the {_TAGS_DRAWN} tags "
        "heard longest in the picture of a day, all in other formats",
    )
    parser.add_argument(
        "--format", choices=("table", "jsonl", "csv"), default="table", help="how it is written"
    )
    parser.add_argument(
        "--day",
        type=day,
        default=None,
        metavar="YYYY-MM-DD",
        help="draw this day (local time) by hours instead",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        default=None,
        metavar="FILE.png",
        help="draw the day into an image (without --day: today); pip install 'earmark[plot]'",
    )
    parser.add_argument(
        "--output", type=Path, default=None, metavar="FILE", help="write there, not to the terminal"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace --output and --plot")


def run(args: argparse.Namespace) -> int:
    """Show what was asked for."""
    from earmark.models.errors import EarmarkError, UsageError
    from earmark.realtime.history.schema import open_for_reading

    if args.limit is not None and args.limit < 1:
        raise UsageError(f"--limit must be at least 1, got {args.limit}")
    is_day = args.day is not None or args.plot is not None
    if is_day and (args.format != "table" or args.minutes):
        raise UsageError("--day and --plot draw events; leave out --format and --minutes")
    if is_day and (hasattr(args, "since") or hasattr(args, "until")):
        raise UsageError("--day and --plot draw one day; leave out --since and --until")
    for path in (args.output, args.plot):
        if path is None or not path.exists():
            continue
        if args.path.exists() and path.samefile(args.path):
            raise UsageError(f"{path} is the history itself; give the output a name of its own")
        if not args.overwrite:
            raise EarmarkError(f"{path} is there already; use --overwrite to replace it")
    import sqlite3

    try:
        with closing(open_for_reading(args.path)) as connection:
            if is_day:
                _draw_day(connection, args)
            else:
                _list(connection, args)
            return _tell_damage(connection, args, is_day=is_day)
    except sqlite3.Error as error:
        raise EarmarkError(
            f"the history {args.path} cannot be read: {error}; `sqlite3 {args.path} .recover` "
            "saves what is left of a damaged file"
        ) from error


def _tell_damage(
    connection: "sqlite3.Connection", args: argparse.Namespace, *, is_day: bool
) -> int:
    """Say in a line which rows could not be shown; 1 if there are any."""
    from earmark.models.shown import shown
    from earmark.realtime.history.sound_rows import damaged

    if is_day:
        tables: tuple[str, ...] = ("events", "sessions")
    else:
        tables = ("minutes", "minute_tags", "gaps") if args.minutes else ("events",)
    found, path = damaged(connection, tables), shown(str(args.path))
    if found:
        print(
            f"earmark: {path} is damaged: rows with times, numbers or names that cannot be are "
            f"left out ({found}); `sqlite3 {path} .dump` shows them",
            file=sys.stderr,
        )
    return 1 if found else 0


def _list(connection: "sqlite3.Connection", args: argparse.Namespace) -> None:
    from earmark.models.shown import shown
    from earmark.realtime.history import listing, query

    limit = args.limit
    if limit is None and args.format == "table":
        limit = _ROWS_SHOWN
    choice = query.Choice(
        _tags(args.tag),
        getattr(args, "since", 0.0),
        getattr(args, "until", float("inf")),
        limit,
    )
    records = query.minutes if args.minutes else query.events
    kind: listing.Kind = "minutes" if args.minutes else "events"
    with _output(args.output) as stream:
        count = listing.write(records(connection, choice), args.format, kind, stream)
    if not count:
        path, there = shown(str(args.path)), query.contents(connection)
        print(f"earmark: nothing found in {path}: {there}", file=sys.stderr)


def _draw_day(connection: "sqlite3.Connection", args: argparse.Namespace) -> None:
    from earmark.realtime.history.day import draw, plot, read_day

    found = read_day(
        connection,
        args.day or date.today(),
        tags=_tags(args.tag),
        rows=args.limit or _TAGS_DRAWN,
    )
    if args.plot is not None:
        plot(found, args.plot)
        return
    with _output(args.output) as stream:
        print(draw(found), file=stream)


def _tags(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    # All of it may be the one name of a tag that has a comma.
    parts = text.split(";") if ";" in text else [text, *text.split(",")]
    names = [name.strip() for name in parts if name.strip()]
    # Tags may be given as people read them.
    return tuple(dict.fromkeys([*names, *(name.replace(" ", "_") for name in names)]))


@contextmanager
def _output(path: Path | None) -> "Iterator[TextIO]":
    """Give standard output, or a file that has its name once it is complete."""
    from earmark.models.errors import EarmarkError

    if path is None:
        yield sys.stdout
        return
    # No other program calls its files so: what is there was left by a run that was killed.
    beside = path.with_name(f".{path.name}.earmark-part")
    try:
        beside.unlink(missing_ok=True)
        with beside.open("x", encoding="utf-8", newline="") as stream:
            yield stream
        beside.replace(path)
    except OSError as error:
        raise EarmarkError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
