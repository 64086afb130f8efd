"""The one interface of all formats, and the table of them."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TextIO, cast

from earmark.models.errors import UsageError
from earmark.realtime.records import Record

Kind = Literal["windows", "events", "clip"]


class RecordWriter(Protocol):
    """Writes records of one kind to an open text stream."""

    def write(self, record: Record) -> None:
        """Write one record; it is on its way to the disk when this returns."""

    def close(self) -> None:
        """Write what comes at the end; leaves the stream open."""


class WriterFactory(Protocol):
    """Makes a writer."""

    def __call__(self, stream: TextIO, kind: Kind) -> RecordWriter:
        """Return a writer of records of one kind."""


@dataclass(frozen=True)
class Format:
    """One line of the table of formats.

    Args:
        module: Beside this one; its ``Writer`` is the format's.
        suffix: Of files.
        kinds: That it can hold.
    """

    module: str
    suffix: str
    kinds: tuple[Kind, ...] = ("windows", "events", "clip")


FORMATS: Final[Mapping[str, Format]] = {
    "table": Format("table", ".txt"),
    "jsonl": Format("jsonl", ".jsonl"),
    "csv": Format("csv", ".csv"),
    "audacity": Format("audacity", ".txt", ("events",)),
    "raven": Format("raven", ".selections.txt", ("events",)),
    "rttm": Format("rttm", ".rttm", ("events",)),
}


def check_kind(name: str, kind: Kind) -> None:
    """Make sure that a format can hold records of a kind.

    Raises:
        UsageError: If it cannot.
    """
    kinds = FORMATS[name].kinds
    if kind not in kinds:
        raise UsageError(
            f"the format {name} holds {' and '.join(kinds)} only, not {kind}; use jsonl, csv or "
            "table"
        )


def open_writer(name: str, stream: TextIO, kind: Kind) -> RecordWriter:
    """Return a writer of a format.

    Raises:
        UsageError: If the format cannot hold records of that kind.
    """
    check_kind(name, kind)
    module = importlib.import_module(f".{FORMATS[name].module}", __package__)
    return cast("WriterFactory", module.Writer)(stream, kind)
