"""Recordings as they are looked at: read and tagged in a thread, as fast as the machine can."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.models.audio.decoding import SoundReader
from earmark.models.errors import EarmarkError
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import seconds_to_samples
from earmark.realtime.audio.spooled_sound import SpooledSound

from .session_file import SavedSession

# A poll hands over so many results at most: whoever polls has other work too.
_RESULTS_AT_ONCE = 128


class RecordedHearing:
    """A recording that is read to its end in a thread of its own.

    Args:
        name: To show to people.
        duration: As the recording states it (s), or None.
        hop: Seconds between the windows of the results.
        results: Given the sound to write to; yields results as they are found.
    """

    def __init__(
        self,
        name: str,
        duration: float | None,
        hop: float,
        results: Callable[[SpooledSound], Iterator[WindowResult]],
    ) -> None:
        self.name = name
        self.duration = duration
        self.hop = hop
        self.sound = SpooledSound()
        self.problem = ""
        self._results = results
        self._arrived: queue.SimpleQueue[WindowResult] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="earmark recording", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def poll(self, timeout: float) -> list[WindowResult]:
        """Return results that have arrived, waiting up to ``timeout`` seconds for a first."""
        found: list[WindowResult] = []
        try:
            while len(found) < _RESULTS_AT_ONCE:
                wait = timeout and not found
                found.append(
                    self._arrived.get(timeout=timeout) if wait else self._arrived.get_nowait()
                )
        except queue.Empty:
            pass
        return found

    @property
    def is_over(self) -> bool:
        """Whether it was read to its end, and all results were polled."""
        return (
            self._thread.ident is not None and not self._thread.is_alive() and self._arrived.empty()
        )

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self.sound.close()

    def _read(self) -> None:
        try:
            # A generator that is left is closed here, with the file that it reads.
            with closing(self._results(self.sound)) as results:  # type: ignore[type-var]
                for result in results:
                    if self._stop.is_set():
                        return
                    self._arrived.put(result)
        except (EarmarkError, OSError) as error:
            self.problem = str(error)


def open_recording(
    path: Path, engine: InferenceEngine, *, hop: float, workers: int = 1
) -> RecordedHearing:
    """Return a file, or the folder of a saved session, to be looked at.

    Args:
        path: Of a sound file, or of a folder that a session was recorded to.
        engine: For this recording alone; a saved session brings its own results.
        hop: Seconds between windows; those of a saved session lie as they were recorded.
        workers: Threads that tag it.

    Raises:
        AudioError: If it cannot be read.
        EarmarkError: If a saved session is broken, or of another bundle's tags.
    """
    if path.is_dir():
        session = SavedSession(path)
        session.check_tags(engine.bundle.metadata.vocabulary.names)
        return RecordedHearing(path.name, session.duration, session.hop, session.results)
    reader = SoundReader(path)

    def results(sound: SpooledSound) -> Iterator[WindowResult]:
        def written() -> Iterator[NDArray[np.float32]]:
            for block in reader:
                sound.write(block)
                yield block

        return analyse(written(), engine, seconds_to_samples(hop), workers=workers)

    return RecordedHearing(path.name, reader.expected_seconds, hop, results)
