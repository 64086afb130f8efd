"""One listening: a source, a ring, a worker, from start to end.

Three concurrent activities: the source's own thread writes blocks into the ring, the worker reads
windows and publishes results, and whoever opened the session takes them from a queue.
"""

import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import seconds_to_samples
from earmark.realtime.audio.capture import Capture
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.audio.source import AudioSource

from .health import Health
from .worker import Engine, InferenceWorker


class ListeningSession:
    """Results of a source as they come.

    Use it as a context manager and iterate over it; leaving the context ends all threads.

    Args:
        source: Not started yet.
        engine: For this stream alone.
        hop: Seconds between windows.
        kept_seconds: How much of the newest sound stays to be read.

    Raises:
        ValueError: If the hop is shorter than a frame of 25 ms or longer than a window.
    """

    duration: float | None = None

    def __init__(
        self,
        source: AudioSource,
        engine: Engine,
        *,
        hop: float = 0.1,
        kept_seconds: float = 8.0,
    ) -> None:
        if not 0.025 <= hop <= 1:
            raise ValueError(f"a hop must lie between 0.025 and 1 s, got {hop}")
        self.hop = hop
        self._hop_samples = seconds_to_samples(hop)
        self._engine = engine
        self.capture = Capture(source, kept_samples=seconds_to_samples(kept_seconds))
        self.health = Health(hop)
        self._arrived: queue.SimpleQueue[WindowResult | Exception] = queue.SimpleQueue()
        self._worker = InferenceWorker(
            self.capture,
            engine,
            self._hop_samples,
            on_result=self._arrived.put,
            on_error=self._arrived.put,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Begin to listen.

        Raises:
            AudioError: If the source cannot be opened.
        """
        # Before the source starts: the first windows must not wait for the slowest run of all.
        self._engine.warm_up(self._hop_samples)
        self.capture.start()
        self._worker.start()

    def close(self) -> None:
        """End all threads, within two seconds each. Safe to call twice."""
        self.capture.close()
        self._worker.stop()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Of the source."""
        return self.capture.source.name

    @property
    def sound(self) -> RingBuffer:
        """The newest sound."""
        return self.capture.ring

    @property
    def problem(self) -> str:
        """What ended the source before its time, else an empty string."""
        failure = self.capture.source.failure
        return "" if failure is None else str(failure)

    @property
    def skipped(self) -> int:
        """Windows left out because the machine did not keep up."""
        return self._worker.skipped

    def __iter__(self) -> Iterator[WindowResult]:
        """Give results until the source has ended.

        Raises:
            Exception: Whatever ended the worker or the source before its time.
        """
        while True:
            is_over = not self._worker.is_alive()
            yield from self.poll(0.0 if is_over else 0.05)
            if is_over and self._arrived.empty():
                break
        if self.capture.source.failure is not None:
            raise self.capture.source.failure

    def poll(self, timeout: float) -> list[WindowResult]:
        """Return the results that have arrived, waiting up to ``timeout`` seconds for a first.

        Raises:
            Exception: Whatever ended the worker before its time.
        """
        found: list[WindowResult] = []
        while True:
            try:
                arrived = (
                    self._arrived.get(timeout=timeout) if timeout else self._arrived.get_nowait()
                )
            except queue.Empty:
                return found
            if isinstance(arrived, Exception):
                raise arrived
            self.health.add(arrived)
            found.append(arrived)
            timeout = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the source has ended and every result was taken."""
        return not self._worker.is_alive() and self._arrived.empty()
