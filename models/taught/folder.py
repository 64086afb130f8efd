"""Where taught tags are kept: a folder with a JSON file for each, and nothing that runs."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from earmark.models.errors import BundleError, JsonError, UsageError
from earmark.models.json_files import read_object, reason_of

from .tag import TaughtTag

#: Names the folder of taught tags, or leaves all of them out.
SETTING: Final = "EARMARK_TAUGHT"
LEFT_OUT: Final = "off"

_LONGEST_NAME = 60


def taught_folder() -> Path | None:
    """Return the folder of the user's taught tags, None where the setting leaves them out.

    It is ``$EARMARK_TAUGHT``, or else ``$XDG_DATA_HOME/earmark/taught``.
    """
    setting = os.environ.get(SETTING, "")
    if setting == LEFT_OUT:
        return None
    if setting:
        return Path(setting)
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "earmark" / "taught"


def checked_name(name: str) -> str:
    """Return a name that a tag may have.

    Raises:
        UsageError: If it is empty, too long, or holds what names in formats and files cannot.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME:
        raise UsageError(f"a tag's name must have 1 to {_LONGEST_NAME} characters, got {name!r}")
    if not name.isprintable() or name.startswith(".") or ";" in name:
        raise UsageError(
            f"a tag's name must be printable, without ';' and not begin with '.', got {name!r}"
        )
    return name


@dataclass(frozen=True)
class TaughtFolder:
    """The taught tags of a user.

    Args:
        path: Made when the first tag is saved.
    """

    path: Path

    def tags(self) -> list[TaughtTag]:
        """Return all tags, in order of their names.

        Raises:
            BundleError: If a file is broken.
        """
        tags, broken = self.readable()
        if broken:
            raise BundleError(broken[0])
        return tags

    def readable(self) -> tuple[list[TaughtTag], list[str]]:
        """Return the tags that can be read, in order of their names, and what others lack."""
        tags: list[TaughtTag] = []
        broken: list[str] = []
        for path in sorted(self.path.glob("*.json")) if self.path.is_dir() else ():
            try:
                tags.append(read_tag(path))
            except BundleError as error:
                broken.append(str(error))
        return sorted(tags, key=lambda tag: tag.name.lower()), broken

    def find(self, name: str) -> TaughtTag:
        """Return a tag.

        Raises:
            UsageError: If there is none of this name.
        """
        tag = self.look_up(name)
        if tag is None:
            known = ", ".join(tag.name for tag in self.tags()) or "none"
            raise UsageError(f"no tag {name!r} was taught; those in {self.path}: {known}")
        return tag

    def look_up(self, name: str) -> TaughtTag | None:
        """Return a tag, or None; capitals do not tell names apart."""
        return next((tag for tag in self.tags() if tag.name.lower() == name.lower()), None)

    def save(self, tag: TaughtTag, *, replace: bool = False) -> Path:
        """Write a tag and return its file.

        Raises:
            UsageError: If there is one of this name, and it is not to be replaced.
        """
        before = self.look_up(tag.name)
        if before is not None and not replace:
            raise UsageError(
                f"the tag {before.name!r} was taught already; --replace takes its place"
            )
        path = self._file_of(tag.name)
        write_tag(tag, path)
        if before is not None and self._file_of(before.name) != path:
            self._file_of(before.name).unlink(missing_ok=True)
        return path

    def remove(self, name: str) -> TaughtTag:
        """Delete a tag and return it.

        Raises:
            UsageError: If there is none of this name.
        """
        tag = self.find(name)
        self._file_of(tag.name).unlink()
        return tag

    def _file_of(self, name: str) -> Path:
        return self.path / f"{quote(name, safe=' ')}.json"


def read_tag(path: Path) -> TaughtTag:
    """Read the file of a tag.

    Raises:
        BundleError: If it is missing, not JSON, of another version or malformed.
    """
    way_out = "delete it and teach the tag again, or export it again where it came from"
    try:
        return TaughtTag.from_table(read_object(path))
    except FileNotFoundError as error:
        raise BundleError(f"there is no file {path}") from error
    except JsonError as error:
        raise BundleError(f"{error}; {way_out}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{path} is no taught tag: {reason_of(error)}; {way_out}") from error


def write_tag(tag: TaughtTag, path: Path) -> None:
    """Write the file of a tag, beside and renamed: it is never torn.

    Raises:
        BundleError: If it cannot be written.
    """
    text = json.dumps(tag.as_table(), indent=1, ensure_ascii=False) + "\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror}") from error
