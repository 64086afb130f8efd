"""Where records go: all to standard output, or a file for each recording."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.models.errors import EarmarkError

from .formats.writer import FORMATS, Kind, RecordWriter, check_kind, open_writer
from .inputs import InputFile


class Outputs:
    """Gives each recording its writer. Use it as a context manager.

    Args:
        form: Name of the format.
        kind: Of the records.
        folder: For one file a recording; None: all to standard output.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        UsageError: If the format cannot hold records of that kind.
    """

    def __init__(self, form: str, kind: Kind, *, folder: Path | None, overwrite: bool) -> None:
        check_kind(form, kind)
        self._form = form
        self._kind = kind
        self._folder = folder
        self._overwrite = overwrite
        self._shared: RecordWriter | None = None
        self._written: set[Path] = set()

    def __enter__(self) -> Self:
        if self._folder is None:
            self._shared = open_writer(self._form, sys.stdout, self._kind)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shared is not None:
            self._shared.close()

    @contextmanager
    def writer_for(self, item: InputFile) -> Iterator[RecordWriter]:
        """Give the writer of a recording.

        Raises:
            EarmarkError: If its file is there already, or cannot be written.
        """
        if self._shared is not None:
            yield self._shared
            return
        path = self._path_for(item)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise EarmarkError(f"cannot write {path}: {error.strerror}") from error
        with stream:
            writer = open_writer(self._form, stream, self._kind)
            try:
                yield writer
            finally:
                writer.close()

    def _path_for(self, item: InputFile) -> Path:
        folder = Path() if self._folder is None else self._folder
        # The whole name stays in it: street.wav and street.mp3 are two recordings.
        path = folder / item.relative.with_name(item.relative.name + FORMATS[self._form].suffix)
        if path in self._written:
            raise EarmarkError(
                f"{path} was written for another input of the same name; give {item.name} an "
                "output folder of its own"
            )
        if path.exists() and not self._overwrite:
            raise EarmarkError(
                f"{path} is there already; use --overwrite to replace it, or another --output"
            )
        self._written.add(path)
        return path
