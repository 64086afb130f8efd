"""RTTM, ten fields a line: the format of diarization tools.

Source: NIST, "Rich Transcription evaluation plan" (2009), appendix A.
"""

from pathlib import PurePath
from typing import TextIO

from earmark.models.shown import shown
from earmark.realtime.files.records import Record

from .writer import Kind


class Writer:
    """Writes one line an event; fields hold no spaces, so underscores stand for them."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        del kind  # events alone come here
        self._stream = stream

    def write(self, record: Record) -> None:
        """Write an event."""
        start, end = float(str(record["start"])), float(str(record["end"]))
        file = _field(shown(PurePath(str(record["file"])).stem))
        self._stream.write(
            f"SPEAKER {file} 1 {start:.3f} {end - start:.3f} <NA> <NA> {_field(record['tag'])} "
            f"{record['peak']} <NA>\n"
        )
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""


def _field(value: object) -> str:
    return "_".join(str(value).split()) or "<NA>"
