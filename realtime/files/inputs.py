"""What the paths on a command line stand for."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from earmark.models.audio.decoding import AUDIO_SUFFIXES

STANDARD_INPUT: Final = "-"


@dataclass(frozen=True)
class InputFile:
    """One recording to read.

    Args:
        name: As it is shown and written in records.
        path: Of the file; None is standard input.
        relative: Where its own output belongs below an output folder.
    """

    name: str
    path: Path | None
    relative: Path


def find_inputs(paths: Sequence[str]) -> tuple[list[InputFile], list[str]]:
    """Expand files, folders, globs and ``-``.

    Args:
        paths: As given. In folders, all files with the ending of an audio format are taken, in
            order of their names; a file named itself is taken whatever its ending.

    Returns:
        What to read, each once, and a line for each path that stands for nothing.
    """
    found: dict[str, InputFile] = {}
    failures = []
    for given in paths:
        if given == STANDARD_INPUT:
            items = [InputFile(STANDARD_INPUT, None, Path("standard-input"))]
        elif Path(given).is_dir():
            items = _in_folder(Path(given))
            if not items:
                failures.append(f"the folder {given} holds no audio files")
        elif Path(given).exists():
            items = [_file(Path(given))]
        else:
            matches = sorted(glob.glob(given, recursive=True))
            items = [_file(Path(match)) for match in matches if Path(match).is_file()]
            if not items:
                failures.append(f"there is no file, folder or match for {given}")
        found.update({item.name: item for item in items})
    return list(found.values()), failures


def _file(path: Path) -> InputFile:
    return InputFile(str(path), path, Path(path.name))


def _in_folder(folder: Path) -> list[InputFile]:
    return [
        InputFile(str(path), path, path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        # What macOS calls `._x.wav` holds the attributes of x.wav, and no sound.
        if path.is_file()
        and path.suffix.lower() in AUDIO_SUFFIXES
        and not path.name.startswith("._")
    ]
