"""A table for people, drawn when all is known."""

from typing import TextIO

from rich.console import Console
from rich.table import Table

from earmark.models.config import BRANCH_NAMES
from earmark.realtime.records import Record

from .writer import Kind


class Writer:
    """Gathers the records of a file and draws them as one table."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        # Into a pipe or file the table is as wide as its contents, never cut to a terminal.
        width = None if stream.isatty() else 160
        self._console = Console(file=stream, width=width, highlight=False)
        self._kind = kind
        self._file = ""
        self._table: Table | None = None

    def write(self, record: Record) -> None:
        """Add a record; a new file begins a new table."""
        if self._table is None or record["file"] != self._file:
            self.close()
            self._file = str(record["file"])
            self._table = self._new_table(record)
        if self._kind == "events":
            self._table.add_row(
                _clock(record["start"]),
                _clock(record["end"]),
                str(record["tag"]),
                _percent(record["peak"]),
                str(record["branch"]),
            )
            return
        tags, branches = record["tags"], record["branches"]
        if isinstance(tags, dict) and isinstance(branches, dict):
            when = [_clock(record["start"])] if self._kind == "windows" else []
            for tag, probability in tags.items():
                beliefs = [_percent(branches[name].get(tag)) for name in BRANCH_NAMES]
                self._table.add_row(*when, tag, _percent(probability), *beliefs)
                when = [""] * len(when)

    def close(self) -> None:
        """Draw the table."""
        if self._table is not None:
            self._console.print(self._table)
            self._table = None

    def _new_table(self, record: Record) -> Table:
        length = f"  ({_clock(record['duration'])})" if "duration" in record else ""
        table = Table(title=f"{self._file}{length}", title_justify="left", title_style="bold")
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
