"""A Parquet data set in a folder: a file for each block, there only once it is complete.

``_earmark.json`` says what makes the records, ``shard=XX/block-NAME.parquet`` holds those of a
block. In a file's metadata ``earmark.recordings`` lists the recordings that it is the end of: no
other file has any of their records.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from earmark.models.errors import EarmarkError
from earmark.models.json_files import parse_json, read_object
from earmark.realtime.files.formats.parquet import Writer, metadata_of
from earmark.realtime.files.formats.writer import Kind

_MADE_BY = "_earmark.json"
_FILES = "shard=*/block-*.parquet"
_UNFINISHED = "shard=*/.block-*.part"
_RECORDINGS = "earmark.recordings"


class ArchiveDataset:
    """A data set that is being written by any number of processes.

    Args:
        folder: That holds it; where several machines write, all of them see it.
        kind: Of the records.
        made_by: What makes the records.
    """

    def __init__(self, folder: Path, kind: Kind, made_by: Mapping[str, str]) -> None:
        self.folder = folder
        self._kind = kind
        self._made_by = dict(made_by)

    def prepare(self, *, resume: bool, overwrite: bool) -> None:
        """Make the folder ready to be written to, by one process before all others.

        Args:
            resume: Whether a data set that is there is added to.
            overwrite: Whether its files are removed.

        Raises:
            EarmarkError: If a data set is there and neither is asked for, if it was made by
                something else, or if the folder cannot be written.
        """
        beside = self.folder / f"{_MADE_BY}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if overwrite:
                for file in self._files():
                    file.unlink()
            elif resume:
                self._check_made_by()
            elif any(self._files()):
                raise EarmarkError(
                    f"{self.folder} holds a data set already; use --resume to go on with it, "
                    "--overwrite to replace it, or another --output"
                )
            self.remove_unfinished()
            text = json.dumps(self._made_by, ensure_ascii=False, indent=1)
            beside.write_text(text + "\n", encoding="utf-8")
            os.replace(beside, self.folder / _MADE_BY)
        except OSError as error:
            raise EarmarkError(f"cannot write to {self.folder}: {error.strerror}") from error

    def recordings(self) -> set[str]:
        """Return the names of the recordings that are complete."""
        return {
            name
            for file in self._files()
            for name in parse_json(metadata_of(file).get(_RECORDINGS, "[]"))
        }

    @contextmanager
    def written_block(self, name: str, complete: list[str]) -> Iterator[Writer]:
        """Make the file of a block and give its writer; an error leaves no file.

        Args:
            name: Of the block. Whoever writes the same block again replaces the file by an equal
                one.
            complete: Names of the recordings that are; filled by the time the context is left.

        Raises:
            EarmarkError: If it cannot be written.
        """
        path = self.folder / f"shard={name[:2]}" / f"block-{name}.parquet"
        # Of each process its own: one that was thought dead may still be writing.
        beside = path.with_name(f".{path.stem}.{os.getpid()}.part")
        try:
            path.parent.mkdir(exist_ok=True)
            with beside.open("wb") as stream:
                writer = Writer(stream, self._kind, self._made_by)
                try:
                    yield writer
                finally:
                    # Whole or not: an error keeps the file from its name, not from its end.
                    writer.close({_RECORDINGS: json.dumps(complete, ensure_ascii=False)})
            os.replace(beside, path)
        except OSError as error:
            raise EarmarkError(f"cannot write {path}: {error.strerror}") from error
        finally:
            beside.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove what killed processes left; no other may be writing."""
        for file in self.folder.glob(_UNFINISHED):
            file.unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        return self.folder.glob(_FILES)

    def _check_made_by(self) -> None:
        path = self.folder / _MADE_BY
        if not path.exists():
            return
        found = read_object(path)
        names = sorted({*found, *self._made_by})
        changed = [name for name in names if found.get(name) != self._made_by.get(name)]
        if changed:
            raise EarmarkError(
                f"{self.folder} was written with another {', '.join(changed)}; go on with the same "
                "options and bundle, or give another --output"
            )
