"""Where records go: all to standard output, or a file for each recording."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from earmark.models.errors import EarmarkError, OutputError

from .formats.guarded import GuardedWriter
from .formats.writer import FORMATS, Kind, RecordWriter, check_kind
from .inputs import InputFile


class Outputs:
    """Gives each recording its writer. Use it as a context manager.

    Args:
        form: Name of the format.
        kind: Of the records.
        folder: For one file a recording; None: all to standard output.
        overwrite: Whether a file that is there may be replaced.
        resume: Whether a recording whose file is there is left out. A file is there only once it
            is complete: until then it has another name.

    Raises:
        UsageError: If the format cannot hold records of that kind.
    """

    def __init__(
        self, form: str, kind: Kind, *, folder: Path | None, overwrite: bool, resume: bool = False
    ) -> None:
        check_kind(form, kind)
        self._form = form
        self._kind = kind
        self._folder = folder
        self._overwrite = overwrite
        self._resume = resume
        self._lock = threading.Lock()
        self._shared: RecordWriter | None = None
        self._written: set[Path] = set()

    def __enter__(self) -> Self:
        if self._folder is None:
            self._shared = GuardedWriter(self._form, sys.stdout, self._kind)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After a failure there is nothing to add to.
        if self._shared is not None and kind is None:
            self._shared.close()

    @contextmanager
    def writer_for(self, item: InputFile) -> Iterator[RecordWriter]:
        """Give the writer of a recording.

        Raises:
            EarmarkError: If its file is there already.
            OutputError: If it cannot be written, from then on or any time later.
        """
        if self._shared is not None:
            yield self._shared
            return
        path = self._claimed_path(item)
        beside = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = beside.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        try:
            with stream:
                writer = GuardedWriter(self._form, stream, self._kind)
                yield writer
                writer.close()
            _rename(beside, path)
        finally:
            with suppress(OSError):  # the folder may be gone with it
                beside.unlink(missing_ok=True)

    def is_done(self, item: InputFile) -> bool:
        """Return whether an earlier run has written all of a recording."""
        return self._resume and self._folder is not None and self._path_for(item).exists()

    def _path_for(self, item: InputFile) -> Path:
        folder = Path() if self._folder is None else self._folder
        # The whole name stays in it: street.wav and street.mp3 are two recordings.
        return folder / item.relative.with_name(item.relative.name + FORMATS[self._form].suffix)

    def _claimed_path(self, item: InputFile) -> Path:
        path = self._path_for(item)
        with self._lock:  # recordings may be written at the same time
            if path in self._written:
                raise EarmarkError(
                    f"{path} was written for another input of the same name; give {item.name} an "
                    "output folder of its own"
                )
            if path.exists() and not self._overwrite:
                raise EarmarkError(
                    f"{path} is there already; use --overwrite to replace it, --resume to leave it "
                    "as it is, or another --output"
                )
            self._written.add(path)
        return path


def _rename(beside: Path, path: Path) -> None:
    try:
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
