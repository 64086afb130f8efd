"""CSV: a row for each event, or for each tag of a window or recording.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, which may
fetch and send: a name or tag that does has an apostrophe before it, which they take for "text
follows". Numbers stay numbers.

Source: OWASP, "CSV injection".
"""

import csv
from typing import Final, TextIO

from earmark.realtime.files.records import Record

from .rows import COLUMNS, rows_of
from .writer import Kind

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def cells(row: Record) -> Record:
    """Return a row whose text no spreadsheet computes."""
    return {
        name: f"'{value}" if isinstance(value, str) and _is_formula(value) else value
        for name, value in row.items()
    }


def _is_formula(text: str) -> bool:
    # A sign alone, such as the name of standard input, computes nothing.
    return text.startswith(_FORMULAS) and len(text) > 1


class Writer:
    """Writes a header, then rows, each at once."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        self._stream = stream
        self._kind = kind
        self._rows = csv.DictWriter(stream, COLUMNS[kind], lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Record) -> None:
        """Write a record as one row or several."""
        self._rows.writerows(map(cells, rows_of(record, self._kind)))
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""
