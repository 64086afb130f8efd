"""The list of the clips that a folder's owner wrote itself, in a hidden file among them."""

import errno
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from earmark.models.json_files import parse_json

from .clip_folder import SUFFIX, UNFINISHED

NAME = ".earmark-clips.jsonl"

# Lines of clips that are gone by now, until the list is written anew.
_MOST_STALE = 1_000


@dataclass(frozen=True, slots=True)
class OwnClip:
    """A file by which it is known again.

    Args:
        name: In the folder.
        size: In bytes.
        changed: When it was last written to (ns since 1970).
    """

    name: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path, *, name: str) -> "OwnClip":
        """Describe a file.

        Raises:
            OSError: If it is not there.
        """
        found = path.lstat()
        return cls(name, found.st_size, found.st_mtime_ns)

    def is_in(self, folder: Path) -> bool:
        """Whether it is there as it was written, and nobody has changed or replaced it."""
        try:
            return OwnClip.of(folder / self.name, name=self.name) == self
        except OSError:
            return False


class Ledger:
    """Clips in the order in which they were written.

    A file is listed before it is there: at whatever moment the process is killed, each of its
    files is known, and one that is not listed is of somebody else.

    Args:
        folder: That has the clips; only one ledger is open in it.

    Attributes:
        clips: Listed, and there when the ledger was opened.
        unfinished: Paths of files that a killed run left half written.

    Raises:
        OSError: If it cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._stale = 0
        self.clips: list[OwnClip] = []
        self.unfinished: list[Path] = []
        self._read()
        self._rewrite()

    def begin(self, unfinished: Path) -> None:
        """List a file that is about to be written under its hidden name.

        Raises:
            OSError: If it cannot be listed.
        """
        self._append({"unfinished": unfinished.name})

    def add(self, clip: OwnClip) -> None:
        """List a clip that is about to get its name.

        Raises:
            OSError: If it cannot be listed.
        """
        self._append(asdict(clip))
        self.clips.append(clip)

    def forget_missing(self) -> None:
        """Drop the clips that somebody removed or changed: what was changed is theirs."""
        self.clips = [clip for clip in self.clips if clip.is_in(self._folder)]

    def _append(self, record: dict[str, object]) -> None:
        self._stale += 1
        if self._stale > _MOST_STALE + len(self.clips):
            self._rewrite()
        with self._path.open("a", encoding="utf-8") as file:
            # Where a full disk cut off the line before, this one does not continue it.
            file.write(f"\n{json.dumps(record)}\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> None:
        # A pipe would be waited for.
        if self._path.exists() and not self._path.is_file():
            raise OSError(errno.EINVAL, f"{NAME} in it is not a file")
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                record = parse_json(line)
                if "unfinished" in record:
                    self._read_unfinished(str(record["unfinished"]))
                else:
                    clip = OwnClip(**record)
                    # A name alone: nothing outside the folder is ever touched.
                    is_name = clip.name == Path(clip.name).name and clip.name.endswith(SUFFIX)
                    if is_name and clip.is_in(self._folder):
                        self.clips.append(clip)
            except (AttributeError, ValueError, TypeError):
                continue  # cut off or damaged: the clip is nobody's then, and stays

    def _read_unfinished(self, name: str) -> None:
        path = self._folder / name
        if name == path.name and name.endswith(UNFINISHED) and path.is_file():
            self.unfinished.append(path)

    def _rewrite(self) -> None:
        beside = self._path.with_name(NAME + ".new")
        lines = [asdict(clip) for clip in self.clips]
        lines += [{"unfinished": path.name} for path in self.unfinished]
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        self._stale = 0
