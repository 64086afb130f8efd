"""Records as rows of a table: one for each event, or for each tag of a window or recording."""

from collections.abc import Iterator, Mapping
from typing import Final

from earmark.models.config import BRANCH_NAMES
from earmark.models.shown import shown
from earmark.realtime.files.records import Record

from .writer import Kind

#: Names of the columns of each kind of records.
COLUMNS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "events": ("file", "start", "end", "tag", "peak", "mean", "branch"),
    "windows": ("file", "start", "end", "tag", "probability", *BRANCH_NAMES),
    "clip": ("file", "duration", "tag", "probability", *BRANCH_NAMES),
}


def rows_of(record: Record, kind: Kind) -> Iterator[Record]:
    """Give the rows of a record; each has a value for each of its kind's ``COLUMNS``."""
    record = {**record, "file": shown(str(record["file"]))}
    if kind == "events":
        yield record
        return
    tags, branches = record["tags"], record["branches"]
    shared = {name: value for name, value in record.items() if name not in ("tags", "branches")}
    if isinstance(tags, dict) and isinstance(branches, dict):
        for tag, probability in tags.items():
            by_branch = {name: beliefs[tag] for name, beliefs in branches.items()}
            yield {**shared, "tag": tag, "probability": probability, **by_branch}
