"""Sessions on disk: the sound, the windows and what they mean, in one folder.

``session.json`` says what the numbers are, ``sound.flac`` is what was heard, and ``windows.f32``
holds a row for each window: its first sample (int64) and its probabilities, combined and of each
branch (float32, little-endian). Rows and sound are appended as they come; a row that was cut short
does not count.
"""

import json
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.audio.decoding import SoundReader
from earmark.models.bundle.metadata import MOST_TAGS
from earmark.models.errors import AudioError, EarmarkError
from earmark.models.json_files import number_of, read_object, reason_of, text_of
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES
from earmark.realtime.audio.spooled_sound import SpooledSound

FORMAT_VERSION: Final = 1
DESCRIPTION: Final = "session.json"
SOUND: Final = "sound.flac"
WINDOWS: Final = "windows.f32"

#: Between two windows of a session (s).
LONGEST_HOP: Final = 60.0

_ROWS_AT_ONCE = 1_024
_MOST_BRANCHES = 16


def row_type(n_tags: int, n_branches: int) -> np.dtype[np.void]:
    """Return how a window is written."""
    return np.dtype(
        [
            ("start", "<i8"),
            ("combined", "<f4", (n_tags,)),
            ("branches", "<f4", (n_branches, n_tags)),
        ]
    )


class SavedSession:
    """A session's folder, opened again.

    Args:
        folder: That it was recorded to.

    Raises:
        EarmarkError: If it is none, or is broken.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / DESCRIPTION
        try:
            table = read_object(path)
            self.tags = _names(table["tags"], "tags", MOST_TAGS)
            self.branches = _names(table["branches"], "branches", _MOST_BRANCHES)
            self.hop = _hop(table["hop"])
            version = table["format_version"]
        except FileNotFoundError as error:
            raise EarmarkError(
                f"{folder} holds no recorded session: it has no {DESCRIPTION}; give a sound file, "
                "or a folder that Earmark recorded"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise EarmarkError(f"{path} cannot be read: {reason_of(error)}") from error
        if version != FORMAT_VERSION:
            raise EarmarkError(
                f"{path} has the format version {reprlib.repr(version)}, this version of Earmark "
                f"reads {FORMAT_VERSION}"
            )
        self._reader = SoundReader(folder / SOUND)
        self.duration = self._reader.expected_seconds

    def check_tags(self, names: Sequence[str]) -> None:
        """Make sure that the tags are those of the bundle in use.

        Raises:
            EarmarkError: If they differ.
        """
        if tuple(names) != self.tags:
            raise EarmarkError(
                f"{self.folder} was recorded with another model, of {len(self.tags)} tags; choose "
                f"its bundle to look at it, or open {self.folder / SOUND} to tag it anew"
            )

    def results(self, sound: SpooledSound) -> Iterator[WindowResult]:
        """Read the sound, then give the windows.

        Raises:
            AudioError: If the sound cannot be read.
            OSError: If the windows cannot be read.
        """
        broken: AudioError | None = None
        try:
            for block in self._reader:
                sound.write(block)
        except AudioError as error:
            if not sound.written:
                raise
            broken = error
        rows = row_type(len(self.tags), len(self.branches))
        with (self.folder / WINDOWS).open("rb") as file:
            while len(read := np.fromfile(file, rows, _ROWS_AT_ONCE)):
                if not _are_windows(read):
                    raise AudioError(
                        f"{self.folder / WINDOWS} is broken: windows must begin at 0 or later and "
                        f"have probabilities from 0 to 1; open {self.folder / SOUND} to tag it anew"
                    )
                yield from _results(read)
        if broken is not None:
            raise broken


def _hop(value: object) -> float:
    hop = number_of(value, "hop")
    if not 0 < hop <= LONGEST_HOP:
        raise ValueError(f"hop must lie between 0 and {LONGEST_HOP} s, got {hop}")
    return hop


def _names(value: object, name: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise TypeError(f"{name} must be a list of up to {most} names")
    return tuple(text_of(item, f"a name in {name}") for item in value)


def _are_windows(rows: NDArray[np.void]) -> bool:
    probabilities = np.concatenate([rows["combined"].ravel(), rows["branches"].ravel()])
    # NaN is neither.
    are_shares = ((probabilities >= 0) & (probabilities <= 1)).all()
    return bool(are_shares and ((rows["start"] >= 0) & (rows["start"] < 1 << 48)).all())


def _results(rows: NDArray[np.void]) -> Iterator[WindowResult]:
    for row in rows:
        start = int(row["start"])
        yield WindowResult(
            start_sample=start,
            end_sample=start + WINDOW_SAMPLES,
            probabilities=row["combined"],
            branch_probabilities=row["branches"],
            inference_seconds=0.0,
        )


def describe(
    *,
    source: str,
    bundle: str,
    tags: Sequence[str],
    branches: Sequence[str],
    hop: float,
    began: str,
) -> str:
    """Return what ``session.json`` says."""
    table = {
        "format_version": FORMAT_VERSION,
        "source": source,
        "began": began,
        "bundle": bundle,
        "sample_rate": SAMPLE_RATE,
        "window_samples": WINDOW_SAMPLES,
        "hop": hop,
        "branches": list(branches),
        "tags": list(tags),
    }
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"
