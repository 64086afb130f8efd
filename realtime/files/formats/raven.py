"""Raven selection tables: tab-separated, opened by Raven Pro and Raven Lite.

Source: Raven Pro manual, "Selection tables".
"""

from typing import Final, TextIO

from earmark.models.shown import shown
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.files.records import Record

from .writer import Kind

_COLUMNS: Final = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Tag",
    "Peak",
    "Begin File",
)


class Writer:
    """Writes a header and one selection a line, over all that is heard of the spectrum."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        del kind  # events alone come here
        self._stream = stream
        self._count = 0
        stream.write("\t".join(_COLUMNS) + "\n")

    def write(self, record: Record) -> None:
        """Write an event."""
        self._count += 1
        fields = (
            self._count,
            "Spectrogram 1",
            1,
            f"{record['start']:.4f}",
            f"{record['end']:.4f}",
            "0.0",
            f"{SAMPLE_RATE / 2:.1f}",
            record["tag"],
            record["peak"],
            shown(str(record["file"])),
        )
        self._stream.write("\t".join(" ".join(str(field).split()) for field in fields) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""
