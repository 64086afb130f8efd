"""Where records go: all to standard output, or a file for each recording."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from earmark.models.errors import EarmarkError, OutputError, UsageError

from .formats.file import written_file
from .formats.guarded import GuardedWriter
from .formats.writer import (
    FORMATS,
    Kind,
    RecordWriter,
    check_installed,
    check_kind,
    open_writer,
)
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
        UsageError: If the format cannot hold records of that kind, or needs a folder.
        EarmarkError: If what writes the format is not installed.
    """

    def __init__(
        self, form: str, kind: Kind, *, folder: Path | None, overwrite: bool, resume: bool = False
    ) -> None:
        check_kind(form, kind)
        if folder is None and FORMATS[form].package is not None:
            raise UsageError(f"--format {form} needs --output: it is no text")
        check_installed(form)
        self._form = form
        self._kind = kind
        self._folder = folder
        self._overwrite = overwrite
        self._resume = resume
        self._lock: int | None = None
        self._shared: RecordWriter | None = None
        self._claimed: dict[Path, str] = {}

    def __enter__(self) -> Self:
        if self._folder is None:
            self._shared = GuardedWriter(
                sys.stdout, lambda: open_writer(self._form, sys.stdout, self._kind)
            )
        else:
            _made(self._folder)
            self._lock = _locked(self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
        # After a failure there is nothing to add to.
        if self._shared is not None and kind is None:
            self._shared.close()

    @property
    def is_shared(self) -> bool:
        """Whether all recordings have one writer."""
        return self._folder is None

    @contextmanager
    def writer_for(
        self, item: InputFile, metadata: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[RecordWriter]:
        """Give the writer of a recording.

        Args:
            item: The recording.
            metadata: What makes its records, for formats that have a place for it.

        Raises:
            EarmarkError: If its file is there already.
            OutputError: If it cannot be written, from then on or any time later.
        """
        if self._shared is not None:
            yield self._shared
            return
        self.claim(item)
        path = self._path_for(item)
        # No other program calls its files so: what is there was left by a run that was killed.
        beside = path.with_name(f".{path.name}.earmark-part")
        try:
            _made(path.parent)
            with suppress(OSError):  # a link would be followed to somebody's file
                beside.unlink()
            with written_file(self._form, beside, self._kind, metadata) as writer:
                yield writer
            _rename(beside, path)
        finally:
            with suppress(OSError):  # it was renamed, or could not be made, or the folder is gone
                beside.unlink()

    def claim(self, item: InputFile) -> None:
        """Make sure that a recording can have its file, before it is tagged.

        Raises:
            EarmarkError: If the file is another recording's, or is there already.
        """
        if self._folder is None:
            return
        path = self._path_for(item)
        if self._claimed.setdefault(path, item.name) != item.name:
            raise EarmarkError(
                f"{path} is that of another input of the same name; give {item.name} an output "
                "folder of its own"
            )
        if path.exists() and not self._overwrite:
            raise EarmarkError(
                f"{path} is there already; use --overwrite to replace it, --resume to leave it "
                "as it is, or another --output"
            )

    def is_done(self, item: InputFile) -> bool:
        """Return whether an earlier run has written all of a recording."""
        return self._resume and self._folder is not None and self._path_for(item).exists()

    def _path_for(self, item: InputFile) -> Path:
        folder = Path() if self._folder is None else self._folder
        # The whole name stays in it: street.wav and street.mp3 are two recordings.
        return folder / item.relative.with_name(item.relative.name + FORMATS[self._form].suffix)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from error


def _locked(folder: Path) -> int | None:
    """Lock a folder until what is returned is closed, or the process ends.

    Returns:
        None where folders cannot be locked: on Windows, and on some network drives.

    Raises:
        OutputError: If another run has it.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if descriptor is not None:
            os.close(descriptor)
        raise OutputError(
            f"another run writes to {folder}; wait for its end, or give another --output"
        ) from error
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor


def _rename(beside: Path, path: Path) -> None:
    try:
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
