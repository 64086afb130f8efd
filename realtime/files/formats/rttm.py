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
        self._files = _Fields()
        self._tags = _Fields()

    def write(self, record: Record) -> None:
        """Write an event."""
        start, end = float(str(record["start"])), float(str(record["end"]))
        file = self._files.of(shown(PurePath(str(record["file"])).stem))
        tag = self._tags.of(str(record["tag"]))
        self._stream.write(
            f"SPEAKER {file} 1 {start:.3f} {end - start:.3f} <NA> <NA> {tag} {record['peak']} "
            "<NA>\n"
        )
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""


class _Fields:
    """Names without spaces, each its own.

    Where a field is taken by another name, white space is written as in the addresses of the web:
    after "Baby cry" (``Baby_cry``), "Baby_cry" is ``Baby%5Fcry``.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """Return the field of a name, the same each time."""
        if name not in self._known:
            field = "_".join(name.split()) or "<NA>"
            if field in self._taken:
                field = "".join(_escaped(c) if c.isspace() or c in "_%" else c for c in name)
            self._taken.add(field)
            self._known[name] = field
        return self._known[name]


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
