"""Recording of a live stream: all of it, or each event, written in a thread as it comes."""

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile

from earmark.models.errors import EarmarkError
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE, seconds_to_samples
from earmark.realtime.audio.sound import Sound
from earmark.realtime.detection.events import TagEvent

from .clip_folder import ClipFolder, file_name
from .flac import as_flac, newest
from .session_file import DESCRIPTION, SOUND, WINDOWS, describe, row_type

# What is not written within it is lost when the machine loses its power.
_WRITE_SECONDS = 0.25

_SAMPLES_AT_ONCE = 10 * SAMPLE_RATE

#: Heard before and after an event in its clip (s).
CLIP_MARGIN = 2.0


class Recorder(ABC):
    """Writes in a thread of its own; what goes wrong there is told, and ends the recording alone.

    Args:
        on_problem: Called in that thread with what went wrong.

    Attributes:
        folder: That is written to.
    """

    folder: Path

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
            self._on_problem(f"recording to {self.folder} has stopped: {error}")
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

    Of an event longer than the sound that is kept, the end is written. A clip that cannot be
    written (disk full, folder gone) is told of once and tried again while its sound is there.

    Args:
        folder: Of the clips.
        sound: Of the stream.
        on_problem: Called with what went wrong.
        before: Heard before an event in its clip (s).
        after: Heard after it (s).
        name: Gives a clip's file name without suffix; called by who adds the event.
        retry: Pause before another attempt at a clip (s).
    """

    def __init__(
        self,
        folder: ClipFolder,
        sound: Sound,
        *,
        on_problem: Callable[[str], None],
        before: float = CLIP_MARGIN,
        after: float = CLIP_MARGIN,
        name: Callable[[TagEvent], str] = lambda e: f"{e.start:09.2f}s {file_name(e.tag)}",
        retry: float = 5.0,
    ) -> None:
        super().__init__(on_problem)
        self.folder = folder.path
        self._folder = folder
        self._sound = sound
        self._before = before
        self._after = after
        self._name = name
        self._events: queue.SimpleQueue[tuple[TagEvent, str]] = queue.SimpleQueue()
        self._waiting: list[tuple[TagEvent, str]] = []
        self._retry = retry
        self._next_attempt = 0.0
        self._failing: set[str] = set()
        self._lost = 0
        self.clips = 0

    def add(self, events: list[TagEvent]) -> None:
        """Take events; a clip is written once what follows it was heard."""
        for event in events:
            self._events.put((event, self._name(event)))

    def _write_new(self) -> None:
        self._write_those(is_over=False)

    def _finish(self) -> None:
        self._write_those(is_over=True)
        if lost := self._lost + len(self._waiting):
            self._on_problem(f"{lost} clips are lost")
        self._folder.close()

    def _release(self) -> None:
        self._waiting = []
        self._folder.close()

    def _write_those(self, *, is_over: bool) -> None:
        self._waiting += [self._events.get_nowait() for _ in range(self._events.qsize())]
        still = []
        for event, name in self._waiting:
            is_due = self._is_heard(event) and time.monotonic() >= self._next_attempt
            if not (is_due or is_over) or not self._write(event, name):
                still.append((event, name))
        self._waiting = still
        if "save" in self._failing and not any(self._is_heard(event) for event, _ in still):
            self._failing.discard("save")
            self._on_problem(f"clips are written again; {self._lost} are lost")
            self._lost = 0
        try:
            self._folder.tidy()
            self._failing.discard("tidy")
        except OSError as error:
            self._tell_once("tidy", f"old clips cannot be removed: {error}")

    def _is_heard(self, event: TagEvent) -> bool:
        return seconds_to_samples(event.end + self._after) <= self._sound.written

    def _write(self, event: TagEvent, name: str) -> bool:
        """Write a clip; False if that has to be tried again."""
        end = min(seconds_to_samples(event.end + self._after), self._sound.written)
        start = max(0, seconds_to_samples(event.start - self._before))
        samples = newest(self._sound, start, end)
        if not len(samples):
            self._lost += 1  # told when it works again, or at the end
            return True
        try:
            self._folder.save(name, as_flac(samples))
        except (OSError, EarmarkError) as error:
            self._tell_once(
                "save", f"the clip {name} cannot be written; it is tried again: {error}"
            )
            return False
        self.clips += 1
        return True

    def _tell_once(self, what: str, problem: str) -> None:
        """Tell of what fails, and no more of it until it has worked again."""
        if what not in self._failing:
            self._failing.add(what)
            self._on_problem(problem)
