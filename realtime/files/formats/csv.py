"""CSV: a row for each event, or for each tag of a window or recording."""

import csv
from typing import TextIO

from earmark.realtime.files.records import Record

from .rows import COLUMNS, rows_of
from .writer import Kind


class Writer:
    """Writes a header, then rows, each at once."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        self._stream = stream
        self._kind = kind
        self._rows = csv.DictWriter(stream, COLUMNS[kind], lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Record) -> None:
        """Write a record as one row or several."""
        self._rows.writerows(rows_of(record, self._kind))
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""
