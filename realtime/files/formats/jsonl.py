"""JSON lines: one object a line, the format for programs."""

import json
from typing import TextIO

from earmark.realtime.files.records import Record

from .writer import Kind


class Writer:
    """Writes each record as a line of its own, at once."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        del kind  # all kinds are objects
        self._stream = stream

    def write(self, record: Record) -> None:
        """Write a record."""
        line = json.dumps(record, ensure_ascii=False)
        try:
            line.encode()
        except UnicodeEncodeError:
            # A name with bytes that are not UTF-8: in escapes it is read back as it is.
            line = json.dumps(record)
        self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""
