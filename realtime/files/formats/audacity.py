"""Audacity label tracks: File > Import > Labels.

Source: Audacity manual, "Importing and Exporting Labels": start, end and text between tabs.
"""

from typing import TextIO

from earmark.realtime.files.records import Record

from .writer import Kind


class Writer:
    """Writes one label a line."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        del kind  # events alone come here
        self._stream = stream

    def write(self, record: Record) -> None:
        """Write an event."""
        label = " ".join(str(record["tag"]).split())
        self._stream.write(f"{record['start']:.4f}\t{record['end']:.4f}\t{label}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""
