"""Lists of recordings: text with a path a line, or CSV with a column ``path``."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from earmark.models.errors import UsageError

from .inputs import InputFile

COLUMN: Final = "path"


def read_manifest(manifest: Path) -> tuple[list[InputFile], list[str]]:
    """Return the recordings that a manifest lists.

    Args:
        manifest: CSV if it ends in ``.csv``, where other columns are let be; text otherwise, where
            empty lines are. Paths that are not absolute start in its folder. In records they are
            as it has them.

    Returns:
        What to read, in its order, and a line for each file that is not there.

    Raises:
        UsageError: If it cannot be read, lists nothing, or names a file twice.
    """
    folder = manifest.parent.resolve()
    lines: dict[Path, int] = {}
    found: list[InputFile] = []
    missing: list[str] = []
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as stream:
            entries = _csv_entries if manifest.suffix.lower() == ".csv" else _text_entries
            for line, name in entries(manifest, stream):
                path = folder / name
                first = lines.setdefault(_plain(path), line)
                if first != line:
                    raise UsageError(f"{manifest}, line {line}: {name} is in line {first} already")
                if path.is_file():
                    found.append(InputFile(name, path, _relative(path, folder)))
                else:
                    missing.append(f"{manifest}, line {line}: there is no file {path}")
    except OSError as error:
        raise UsageError(f"cannot read the manifest {manifest}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"the manifest {manifest} cannot be read as UTF-8 text or CSV: {error}"
        ) from error
    if not lines:
        raise UsageError(f"the manifest {manifest} lists nothing")
    return found, missing


def _text_entries(manifest: Path, stream: TextIO) -> Iterator[tuple[int, str]]:
    del manifest  # any text is a list of names
    for line, text in enumerate(stream, 1):
        if name := text.strip():
            yield line, name


def _csv_entries(manifest: Path, stream: TextIO) -> Iterator[tuple[int, str]]:
    rows = csv.DictReader(stream, strict=True)
    columns = list(rows.fieldnames or ())
    if COLUMN not in columns:
        found = ", ".join(columns) or "none"
        raise UsageError(f"{manifest}, line 1: there is no column {COLUMN!r}, only {found}")
    for row in rows:
        name = (row[COLUMN] or "").strip()
        if not name:
            raise UsageError(f"{manifest}, line {rows.line_num}: the column {COLUMN!r} is empty")
        yield rows.line_num, name


def _plain(path: Path) -> Path:
    """Return a path without ``..``, whatever is there: links are other names of a file."""
    return Path(os.path.normpath(path))


def _relative(path: Path, folder: Path) -> Path:
    """Return where the output of a file belongs, the same whatever else is listed."""
    plain = _plain(path)
    inside = plain.is_relative_to(folder)
    return plain.relative_to(folder if inside else plain.anchor)
