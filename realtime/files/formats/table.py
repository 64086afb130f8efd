"""A table for people, drawn when all is known."""

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from earmark.models.config import BRANCH_NAMES
from earmark.models.shown import shown
from earmark.realtime.detection.labels import label_of
from earmark.realtime.files.records import Record

from .writer import Kind


class Writer:
    """Gathers the records of a file and draws them as one table, in the order of their starts."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        # Into a pipe or file the table is as wide as its contents, never cut to a terminal.
        width = None if stream.isatty() else 160
        self._console = Console(file=stream, width=width, highlight=False)
        self._kind = kind
        self._records: list[Record] = []

    def write(self, record: Record) -> None:
        """Add a record; one of a new file draws the table of the one before."""
        if self._records and record["file"] != self._records[0]["file"]:
            self.close()
        self._records.append(record)

    def close(self) -> None:
        """Draw the table."""
        if not self._records:
            return
        table = self._new_table(self._records[0])
        # Events come in the order in which they end; people read them as they began.
        for record in sorted(self._records, key=lambda r: float(str(r.get("start", 0.0)))):
            self._add_rows(table, record)
        self._console.print(table)
        self._records = []

    def _add_rows(self, table: Table, record: Record) -> None:
        if self._kind == "events":
            table.add_row(
                _clock(record["start"]),
                _clock(record["end"]),
                label_of(str(record["tag"])),
                _percent(record["peak"]),
                str(record["branch"]),
            )
            return
        tags, branches = record["tags"], record["branches"]
        if isinstance(tags, dict) and isinstance(branches, dict):
            when = [_clock(record["start"])] if self._kind == "windows" else []
            for tag, probability in tags.items():
                beliefs = [_percent(branches[name].get(tag)) for name in BRANCH_NAMES]
                table.add_row(*when, label_of(tag), _percent(probability), *beliefs)
                when = [""] * len(when)

    def _new_table(self, record: Record) -> Table:
        name = shown(str(record["file"]))
        length = f"  ({_clock(record['duration'])})" if "duration" in record else ""
        table = Table(title=Text(name + length, "bold"), title_justify="left")
        columns: tuple[str, ...] = ("tag", "all four", *BRANCH_NAMES)
        if self._kind == "windows":
            columns = ("start", *columns)
        elif self._kind == "events":
            columns = ("start", "end", "tag", "peak", "surest branch")
        for name in columns:
            is_text = name in ("tag", "surest branch")
            table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
        return table


def _clock(seconds: object) -> str:
    minutes, rest = divmod(float(str(seconds)), 60)
    return f"{int(minutes)}:{rest:05.2f}"


def _percent(probability: object) -> str:
    return f"{100 * float(str(probability)):.0f} %"
