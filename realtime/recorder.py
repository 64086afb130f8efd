"""Recording of a live stream: all of it, or each event, written in a thread as it comes."""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.models.errors import EarmarkError
from earmark.models.timebase import SAMPLE_RATE, seconds_to_samples

from .events import TagEvent
from .results import WindowResult
from .saved_session import DESCRIPTION, SOUND, WINDOWS, describe, row_type
from .sound import Sound

# What is not written within it is lost when the machine loses its power.
_WRITE_SECONDS = 0.25

_SAMPLES_AT_ONCE = 10 * SAMPLE_RATE

#: Heard before and after an event in its clip (s).
CLIP_MARGIN = 2.0


class Recorder(ABC):
    """Writes in a thread of its own; what goes wrong there is told, and ends the recording alone.

    Args:
        on_problem: Called in that thread with what went wrong.
    """

    def __init__(self, on_problem: Callable[[str], None]) -> None:
        self._on_problem = on_problem
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="earmark recorder", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left and close the files. Safe to call twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    @property
    def is_recording(self) -> bool:
        """Whether it still writes."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.wait(_WRITE_SECONDS):
                self._write_new()
            self._write_new()
            self._finish()
        except (OSError, soundfile.SoundFileError, EarmarkError) as error:
            self._on_problem(f"recording has stopped: {error}")
            self._release()

    @abstractmethod
    def _write_new(self) -> None:
        """Write what has come since the last time."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what only the end brings, and close all files."""

    @abstractmethod
    def _release(self) -> None:
        """Close all files after something went wrong."""


class SessionRecorder(Recorder):
    """Sound and results of a stream from now on, in a folder that can be opened again.

    Args:
        folder: Made here; must not exist.
        sound: Of the stream.
        source: Its name.
        bundle: Name of the model.
        tags: In the order of the probabilities.
        branches: In the order of the branch probabilities.
        hop: Seconds between windows.
        on_problem: Called with what went wrong.

    Raises:
        EarmarkError: If the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        sound: Sound,
        *,
        source: str,
        bundle: str,
        tags: Sequence[str],
        branches: Sequence[str],
        hop: float,
        on_problem: Callable[[str], None],
    ) -> None:
        super().__init__(on_problem)
        self.folder = folder
        self._sound = sound
        self._start = self._next = sound.written
        self._rows = row_type(len(tags), len(branches))
        self._results: queue.SimpleQueue[WindowResult] = queue.SimpleQueue()
        began = datetime.now().astimezone().isoformat(timespec="seconds")
        text = describe(
            source=source, bundle=bundle, tags=tags, branches=branches, hop=hop, began=began
        )
        try:
            folder.mkdir(parents=True)
            (folder / DESCRIPTION).write_text(text, encoding="utf-8")
            self._windows = (folder / WINDOWS).open("wb")
            self._flac = soundfile.SoundFile(
                folder / SOUND, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC"
            )
        except (OSError, soundfile.SoundFileError) as error:
            raise EarmarkError(f"cannot record to {folder}: {error}") from error

    def add(self, results: list[WindowResult]) -> None:
        """Take results that lie within what is recorded; they are written soon."""
        for result in results:
            if result.start_sample >= self._start:
                self._results.put(result)

    @property
    def seconds(self) -> float:
        """Recorded so far."""
        return (self._next - self._start) / SAMPLE_RATE

    def _write_new(self) -> None:
        written = self._sound.written
        while self._next < written:
            count = min(written - self._next, _SAMPLES_AT_ONCE)
            samples = self._sound.read(self._next, count)
            if samples is None:
                raise EarmarkError("the disk is too slow for the sound")
            self._flac.write(samples)
            self._next += count
        self._flac.flush()
        waiting = [self._results.get_nowait() for _ in range(self._results.qsize())]
        if waiting:
            rows = np.zeros(len(waiting), self._rows)
            for row, result in zip(rows, waiting, strict=True):
                row["start"] = result.start_sample - self._start
                row["combined"] = result.probabilities
                row["branches"] = result.branch_probabilities
            rows.tofile(self._windows)
            self._windows.flush()

    def _finish(self) -> None:
        self._windows.close()
        self._flac.close()

    def _release(self) -> None:
        self._finish()


class ClipRecorder(Recorder):
    """A FLAC file of each event, with what was heard before and after it.

    Args:
        folder: Of the clips; made where it does not exist. No file in it is overwritten.
        sound: Of the stream.
        on_problem: Called with what went wrong.

    Raises:
        EarmarkError: If the folder cannot be made.
    """

    def __init__(self, folder: Path, sound: Sound, *, on_problem: Callable[[str], None]) -> None:
        super().__init__(on_problem)
        self.folder = folder
        self._sound = sound
        self._events: queue.SimpleQueue[TagEvent] = queue.SimpleQueue()
        self._waiting: list[TagEvent] = []
        self.clips = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EarmarkError(f"cannot record to {folder}: {error}") from error

    def add(self, events: list[TagEvent]) -> None:
        """Take events; a clip is written once what follows it was heard."""
        for event in events:
            self._events.put(event)

    def _write_new(self) -> None:
        self._waiting += [self._events.get_nowait() for _ in range(self._events.qsize())]
        self._write_those(is_over=False)

    def _finish(self) -> None:
        self._write_those(is_over=True)

    def _release(self) -> None:
        self._waiting = []

    def _write_those(self, *, is_over: bool) -> None:
        still = []
        for event in self._waiting:
            end = seconds_to_samples(event.end + CLIP_MARGIN)
            if end <= self._sound.written or is_over:
                self._write(event, min(end, self._sound.written))
            else:
                still.append(event)
        self._waiting = still

    def _write(self, event: TagEvent, end: int) -> None:
        start = max(0, seconds_to_samples(event.start - CLIP_MARGIN))
        path = unused(self.folder / f"{event.start:09.2f}s {file_name(event.tag)}.flac")
        with soundfile.SoundFile(path, "x", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as flac:
            for first in range(start, end, _SAMPLES_AT_ONCE):
                samples = self._sound.read(first, min(_SAMPLES_AT_ONCE, end - first))
                # Of an event longer than what is kept, the end is there.
                if samples is not None:
                    flac.write(_within(samples))
        self.clips += 1


def _within(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(samples, -1, 1)


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
