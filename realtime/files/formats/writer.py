"""The one interface of all formats, and the table of them."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import BinaryIO, Final, Literal, Protocol, TextIO, cast

from earmark.models.errors import EarmarkError, UsageError
from earmark.realtime.files.records import Record

Kind = Literal["windows", "events", "clip"]


class RecordWriter(Protocol):
    """Writes records of one kind to an open stream."""

    def write(self, record: Record) -> None:
        """Write one record; as text it is on its way to the disk when this returns."""

    def close(self) -> None:
        """Write what comes at the end; leaves the stream open."""


class WriterFactory(Protocol):
    """Makes a writer of text."""

    def __call__(self, stream: TextIO, kind: Kind) -> RecordWriter:
        """Return a writer of records of one kind."""


class BinaryWriterFactory(Protocol):
    """Makes a writer of a format that is no text, and says of itself what made the records."""

    def __call__(self, stream: BinaryIO, kind: Kind, metadata: Mapping[str, str]) -> RecordWriter:
        """Return a writer of records of one kind."""


@dataclass(frozen=True)
class Format:
    """One line of the table of formats.

    Args:
        module: Beside this one; its ``Writer`` is the format's.
        suffix: Of files.
        kinds: That it can hold.
        package: It is binary, and this is the package that writes it; there is an extra of the
            format's name.
    """

    module: str
    suffix: str
    kinds: tuple[Kind, ...] = ("windows", "events", "clip")
    package: str | None = None


FORMATS: Final[Mapping[str, Format]] = {
    "table": Format("table", ".txt"),
    "jsonl": Format("jsonl", ".jsonl"),
    "csv": Format("csv", ".csv"),
    "audacity": Format("audacity", ".txt", ("events",)),
    "raven": Format("raven", ".selections.txt", ("events",)),
    "rttm": Format("rttm", ".rttm", ("events",)),
    "parquet": Format("parquet", ".parquet", package="pyarrow"),
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
    """Return a writer of text.

    Raises:
        UsageError: If the format is no text, or cannot hold records of that kind.
    """
    check_kind(name, kind)
    if FORMATS[name].package is not None:
        raise UsageError(f"{name} is no text; give --output and a folder for its files")
    return cast("WriterFactory", _module(name).Writer)(stream, kind)


def open_binary_writer(
    name: str, stream: BinaryIO, kind: Kind, metadata: Mapping[str, str]
) -> RecordWriter:
    """Return a writer of a format that is no text.

    Raises:
        UsageError: If the format cannot hold records of that kind.
        EarmarkError: If the package that writes it is not installed.
    """
    check_kind(name, kind)
    return cast("BinaryWriterFactory", _module(name).Writer)(stream, kind, metadata)


def check_installed(name: str) -> None:
    """Make sure that a format can be written here.

    Raises:
        EarmarkError: If the package that writes it is not installed.
    """
    _module(name)


def _module(name: str) -> ModuleType:
    described = FORMATS[name]
    try:
        return importlib.import_module(f".{described.module}", __package__)
    except ModuleNotFoundError as error:
        if described.package is None or error.name != described.package:
            raise
        raise EarmarkError(
            f"--format {name} needs {described.package}, which is not installed: "
            f"pip install 'earmark[{name}]'"
        ) from error
