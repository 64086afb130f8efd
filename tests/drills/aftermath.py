"""What is found after a kill, held against what was promised."""

import csv
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import soundfile

from earmark.models.errors import EarmarkError
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.spooled_sound import SpooledSound
from earmark.realtime.recording.ledger import NAME as LEDGER
from earmark.realtime.recording.quota import Quota, QuotaFolder
from earmark.realtime.recording.session_file import SavedSession


class BrokenPromiseError(Exception):
    """What a kill must not do has happened."""


def check(is_kept: bool, otherwise: str) -> None:
    """Go on only where a promise is kept."""
    if not is_kept:
        raise BrokenPromiseError(otherwise)


def opened(home: Path, sound: np.ndarray, step: int) -> float:
    """Return how many seconds of a recording that was killed can be looked at."""
    spooled, windows = SpooledSound(), []
    # That it breaks off is told behind all that there is.
    with suppress(EarmarkError):
        for window in SavedSession(home).results(spooled):
            windows.append(window)  # noqa: PERF402 - those before an error count
    found = spooled.read(0, spooled.written)
    spooled.close()
    assert found is not None
    same = np.abs(found - sound[: len(found)]) <= 1 / 2**15
    check(bool(same.all()), f"{home} holds other sound than there was")
    starts = [window.start_sample for window in windows]
    check(starts == [i * step for i in range(len(starts))], f"{home} lacks windows, or has more")
    return len(found) / SAMPLE_RATE


def check_reported(output: Path, history: Path, *, is_behind: bool) -> int:
    """Make sure that all that was reported is whole, and in the history once.

    Args:
        output: What was reported.
        history: The file.
        is_behind: Whether it was said that the history cannot be written for now.
    """
    text = output.read_text() if output.exists() else ""
    check(not text or text.endswith("\n"), f"{output} ends with a torn line")
    if output.suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines(), strict=True))
    else:
        rows = [json.loads(line) for line in text.splitlines()]
    reported = [
        (row["tag"], float(row["start"]), float(row["end"])) for row in rows if "tag" in row
    ]
    if not history.exists():
        check(is_behind or not reported, f"{history} is missing")
        return 0
    with closing(sqlite3.connect(history)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
        check(whole == "ok", f"{history}: {whole}")
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        found = []
        if ("events",) in tables:
            found = connection.execute("SELECT tag, at, at_end FROM events").fetchall()
    kept = {(tag, round(start, 2), round(end, 2)) for tag, start, end in found}
    check(len(kept) == len(found), f"{history} has events twice")
    for tag, start, end in [] if is_behind else reported:
        check((tag, round(start, 2), round(end, 2)) in kept, f"{history} lacks {tag} at {start} s")
    return len(reported)


def check_clips(folder: Path) -> int:
    """Make sure that every clip opens, and that nothing else is left once it is used again."""
    if not folder.exists():
        return 0
    QuotaFolder(folder, Quota()).close()
    clips = [path for path in folder.iterdir() if path.name != LEDGER]
    for clip in clips:
        check(clip.suffix == ".flac" and not clip.name.startswith("."), f"{clip} is left behind")
        check(len(soundfile.read(clip)[0]) > 0, f"{clip} holds no sound")
    return len(clips)


def contents(folder: Path, *, ending: str = ".jsonl") -> dict[str, str]:
    """Return the texts of the files of that ending."""
    return {path.name: path.read_text() for path in folder.glob(f"*{ending}")}
