"""Parquet: typed columns with what made them in the schema's metadata. Only this file knows Arrow.

A row for each event, or for each tag of a window or recording, as in CSV.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from earmark.models.errors import EarmarkError
from earmark.realtime.files.records import Record

from .rows import COLUMNS, rows_of
from .writer import Kind

_SECONDS: Final = ("start", "end", "duration")
_WORDS: Final = ("file", "tag", "branch")

# Enough that columns compress well, few enough to wait in memory: some 10 MB.
_ROWS_AT_ONCE: Final = 50_000


class Writer:
    """Gathers rows and writes them in groups.

    Args:
        stream: Open binary file; what is in it can be read once the writer is closed.
        kind: Of the records.
        metadata: Of the schema.
    """

    def __init__(self, stream: BinaryIO, kind: Kind, metadata: Mapping[str, str]) -> None:
        self._kind = kind
        self._schema = schema_of(kind, metadata)
        self._rows: list[Record] = []
        self._file = parquet.ParquetWriter(stream, self._schema, compression="zstd")

    def write(self, record: Record) -> None:
        """Add the rows of a record."""
        self._rows += rows_of(record, self._kind)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._write_group()

    def close(self, metadata: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write what waits, and the schema: a file without records has its columns as well.

        Args:
            metadata: Of the file, beside that of the schema: what is known only now.
        """
        if self._rows:
            self._write_group()
        if metadata:
            self._file.add_key_value_metadata(dict(metadata))
        self._file.close()

    def _write_group(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def metadata_of(path: Path) -> dict[str, str]:
    """Return the metadata of a file and its schema.

    Raises:
        EarmarkError: If it is no complete Parquet file.
    """
    try:
        found = parquet.read_metadata(path).metadata or {}
    except pa.ArrowInvalid as error:
        raise EarmarkError(f"{path} is no Parquet file: {error}; remove it") from error
    return {key.decode(): value.decode(errors="replace") for key, value in found.items()}


def schema_of(kind: Kind, metadata: Mapping[str, str]) -> pa.Schema:
    """Return the columns of a kind of records: words, seconds and probabilities."""
    return pa.schema(
        [pa.field(name, _type_of(name), nullable=False) for name in COLUMNS[kind]],
        metadata=dict(metadata),
    )


def _type_of(column: str) -> pa.DataType:
    if column in _WORDS:
        return pa.string()
    return pa.float64() if column in _SECONDS else pa.float32()
