"""Events and minutes of a history as a table for people, JSON lines or CSV."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, Literal, TextIO

from rich.console import Console
from rich.table import Table

from earmark.realtime.detection.labels import label_of
from earmark.realtime.files.formats.csv import cells
from earmark.realtime.files.formats.writer import open_writer
from earmark.realtime.files.records import Record

from .query import local

Kind = Literal["events", "minutes"]

_CSV: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("time", "file", "start", "end", "tag", "peak", "mean", "branch"),
    "minutes": ("time", "file", "tagged", "gap", "level", "tag", "above", "peak", "mean"),
}
_TABLE: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("began", "lasted", "tag", "peak", "surest branch", "source"),
    "minutes": ("minute", "tagged", "gap", "level", "tags above their threshold", "source"),
}
_NUMBERS = ("lasted", "peak", "tagged", "gap", "level")


def write(records: Iterator[Record], form: str, kind: Kind, stream: TextIO) -> int:
    """Write records to an open text stream.

    Args:
        records: Of one kind, the oldest first.
        form: ``table``, ``jsonl`` or ``csv``.
        kind: Of the records.
        stream: Open.

    Returns:
        How many there were.
    """
    count = 0
    if form == "table":
        return _draw(records, kind, stream)
    if form == "jsonl":
        # These records have the time as well: they are those of `earmark live --format jsonl`.
        lines = open_writer("jsonl", stream, "events")
        for record in records:
            lines.write(record)
            count += 1
        return count
    rows = csv.DictWriter(stream, _CSV[kind], lineterminator="\n")
    rows.writeheader()
    for record in records:
        rows.writerows(map(cells, [record] if kind == "events" else _tag_rows(record)))
        count += 1
    return count


def _tag_rows(record: Record) -> Iterator[Record]:
    """Give a row for each tag of a minute, and one of a minute without any."""
    shared = {name: value for name, value in record.items() if name != "tags"}
    for tag, figures in _tags(record).items() or {"": {}}.items():
        yield {**shared, "tag": tag, **figures}


def _tags(record: Record) -> dict[str, dict[str, float]]:
    tags = record["tags"]
    return tags if isinstance(tags, dict) else {}


def _draw(records: Iterator[Record], kind: Kind, stream: TextIO) -> int:
    table = Table()
    for name in _TABLE[kind]:
        is_wide = name.startswith("tags")
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=not is_wide)
    for record in records:
        when = local(datetime.fromisoformat(str(record["time"])).timestamp())
        if kind == "events":
            length = float(str(record["end"])) - float(str(record["start"]))
            tag = label_of(str(record["tag"]))
            cells = [f"{length:.1f} s", tag, _percent(record["peak"]), record["branch"]]
        else:
            above = (
                f"{label_of(tag)} {figures['above']:.1f} s ({_percent(figures['peak'])})"
                for tag, figures in _tags(record).items()
            )
            gap = float(str(record["gap"]))
            cells = [
                f"{record['tagged']:.1f} s",
                f"{gap:.1f} s" if gap else "",
                f"{record['level']:.0f} dBFS",
                ", ".join(above),
            ]
        table.add_row(when, *map(str, cells), str(record["file"]))
    if table.row_count:
        # Into a pipe or file the table is as wide as its contents, never cut to a terminal.
        width = None if stream.isatty() else 160
        Console(file=stream, width=width, highlight=False, markup=False).print(table)
    return table.row_count


def _percent(probability: object) -> str:
    return f"{100 * float(str(probability)):.0f} %"
