"""CSV: a row for each event, or for each tag of a window or recording."""

import csv
from collections.abc import Iterator, Mapping
from typing import Final, TextIO

from earmark.models.config import BRANCH_NAMES
from earmark.realtime.records import Record

from .writer import Kind

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "events": ("file", "start", "end", "tag", "peak", "mean", "branch"),
    "windows": ("file", "start", "end", "tag", "probability", *BRANCH_NAMES),
    "clip": ("file", "duration", "tag", "probability", *BRANCH_NAMES),
}


class Writer:
    """Writes a header, then rows, each at once."""

    def __init__(self, stream: TextIO, kind: Kind) -> None:
        self._stream = stream
        self._kind = kind
        self._rows = csv.DictWriter(stream, _COLUMNS[kind], lineterminator="\n")
        self._rows.writeheader()

    def write(self, record: Record) -> None:
        """Write a record as one row or several."""
        if self._kind == "events":
            self._rows.writerow(record)
        else:
            self._rows.writerows(_tag_rows(record))
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes at the end."""


def _tag_rows(record: Record) -> Iterator[dict[str, object]]:
    tags, branches = record["tags"], record["branches"]
    shared = {name: value for name, value in record.items() if name not in ("tags", "branches")}
    if isinstance(tags, dict) and isinstance(branches, dict):
        for tag, probability in tags.items():
            by_branch = {name: beliefs[tag] for name, beliefs in branches.items()}
            yield {**shared, "tag": tag, "probability": probability, **by_branch}
