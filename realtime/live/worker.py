"""The thread that turns windows into results."""

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.capture import Capture

from .windows import Window, WindowReader

# Looked for this often rather than waited for: a wake-up would take a lock in the audio callback.
_POLL_SECONDS = 0.005


class Engine(Protocol):
    """What a session needs of an engine."""

    def warm_up(self, hop_samples: int) -> None:
        """Run a few windows, so that the first real one is not the slowest."""

    def process(self, window: NDArray[np.float32], start_sample: int) -> WindowResult:
        """Tag a window."""


class InferenceWorker(threading.Thread):
    """Reads windows, runs the engine, publishes results; ends when told to, or with the source.

    Args:
        capture: Running.
        engine: For this stream alone, warmed up.
        hop_samples: Distance between windows.
        on_result: Called in this thread with each result.
        on_error: Called in this thread with what ended it, if not by itself.
    """

    def __init__(
        self,
        capture: Capture,
        engine: Engine,
        hop_samples: int,
        *,
        on_result: Callable[[WindowResult], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        super().__init__(name="earmark inference", daemon=True)
        self._capture = capture
        self._engine = engine
        self._windows = WindowReader(capture.ring, hop_samples)
        self._on_result = on_result
        self._on_error = on_error
        self._stop_asked = threading.Event()

    @property
    def skipped(self) -> int:
        """Windows left out because the machine did not keep up."""
        return self._windows.skipped

    def run(self) -> None:
        """Work until stopped or until the source has ended and all of it is tagged."""
        try:
            while not self._stop_asked.is_set():
                # Asked before looking: what arrives in between is found by the look.
                has_ended = self._capture.source.ended
                if self.step():
                    continue
                if has_ended:
                    self._finish()
                    return
                self._stop_asked.wait(_POLL_SECONDS)
        except Exception as error:
            self._on_error(error)

    def step(self) -> bool:
        """Tag the next window, if it is there; True if it was."""
        window = self._windows.next()
        if window is not None:
            self._publish(window)
        return window is not None

    def stop(self) -> None:
        """End after the window at hand, within two seconds. Safe to call twice."""
        self._stop_asked.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout=2)

    def _finish(self) -> None:
        window = self._windows.last()
        if window is not None:
            self._publish(window)

    def _publish(self, window: Window) -> None:
        result = self._engine.process(window.samples, window.start_sample)
        latency = time.monotonic() - self._capture.captured_at(result.end_sample)
        self._on_result(dataclasses.replace(result, latency_seconds=latency))
