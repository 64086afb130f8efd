"""A file of records, while it is being written."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from earmark.models.errors import OutputError

from .guarded import GuardedWriter
from .writer import FORMATS, Kind, RecordWriter, open_binary_writer, open_writer


@contextmanager
def written_file(
    name: str, path: Path, kind: Kind, metadata: Mapping[str, str]
) -> Iterator[RecordWriter]:
    """Make a file and give its writer; it is complete when the context is left without an error.

    Args:
        name: Of the format.
        path: Of the file; one that is there is replaced.
        kind: Of the records.
        metadata: What made the records, for formats that have a place for it.

    Raises:
        UsageError: If the format cannot hold records of that kind.
        EarmarkError: If the package that writes it is not installed.
        OutputError: If the file cannot be written, from then on or any time later.
    """
    try:
        if FORMATS[name].package is None:
            with path.open("w", encoding="utf-8", newline="") as text:
                writer = GuardedWriter(text, lambda: open_writer(name, text, kind))
                yield writer
                writer.close()
        else:
            with path.open("wb") as stream:
                writer = GuardedWriter(
                    stream, lambda: open_binary_writer(name, stream, kind, metadata)
                )
                try:
                    yield writer
                finally:
                    # One that is left open complains when it is collected.
                    writer.close()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
