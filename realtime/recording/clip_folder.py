"""A folder of clips, in which no file is ever half written."""

import os
from pathlib import Path

from earmark.models.errors import EarmarkError

SUFFIX = ".flac"

#: Of the hidden names of files that are not complete yet.
UNFINISHED = ".part"


class ClipFolder:
    """Saves clips; no file in it is overwritten.

    Args:
        path: Of the folder; made where it does not exist.

    Raises:
        EarmarkError: If it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EarmarkError(f"cannot record to {path}: {error.strerror or error}") from error

    def save(self, name: str, content: bytes) -> None:
        """Write a clip, all of it or nothing: under a hidden name until it is complete.

        Args:
            name: Without suffix; a number is added where it is taken.
            content: Of the file.

        Raises:
            OSError: If it cannot be written.
        """
        final = unused(self.path / f"{name}{SUFFIX}")
        beside = final.with_name(f".{final.name}{UNFINISHED}")
        self._begin(beside)
        with beside.open("xb") as file:
            try:
                file.write(content)
                file.flush()
                # Otherwise the new name may reach the disk before what it names.
                os.fsync(file.fileno())
                self._complete(beside, final)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise

    def _begin(self, beside: Path) -> None:
        """Take note of a file that is about to be written."""

    def _complete(self, beside: Path, final: Path) -> None:
        """Give a complete file its name."""
        beside.rename(final)

    def tidy(self) -> None:
        """Remove what is too much; called now and then."""

    def close(self) -> None:
        """Finish: nothing is saved after it. Safe to call twice."""


def file_name(text: str) -> str:
    """Return a text as part of a file's name on any system."""
    return "".join(c if c.isalnum() or c in " -_.," else "_" for c in text).strip()


def unused(path: Path) -> Path:
    """Return the path, with a number in its name where it is taken already."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
    return free
