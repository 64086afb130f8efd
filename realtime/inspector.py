"""What each branch is given of a moment, computed when somebody looks."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import WINDOW_SAMPLES

from .engine import InferenceEngine
from .history.spectrogram import Sound


@dataclass(frozen=True)
class Tokens:
    """The tokens of one window.

    Args:
        start_sample: Of the window.
        by_branch: (tokens, features) float32 for each branch by its name.
    """

    start_sample: int
    by_branch: Mapping[str, NDArray[np.float32]]


class Inspector:
    """Computes tokens in a thread of its own; of several requests the newest is answered.

    Args:
        engine: For this alone.
        on_tokens: Called in that thread with the answer.
    """

    def __init__(self, engine: InferenceEngine, on_tokens: Callable[[Tokens], None]) -> None:
        self._engine = engine
        self._on_tokens = on_tokens
        self._wanted: tuple[Sound, int] | None = None
        self._sound: Sound | None = None
        self._last_start = 0
        self._is_asked = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="earmark inspector", daemon=True)
        self._thread.start()

    def ask(self, sound: Sound, start_sample: int) -> None:
        """Ask for the tokens of a window."""
        with self._is_asked:
            self._wanted = (sound, start_sample)
            self._is_asked.notify()

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        with self._is_asked:
            self._is_closed = True
            self._is_asked.notify()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while True:
            with self._is_asked:
                self._is_asked.wait_for(lambda: self._wanted is not None or self._is_closed)
                if self._is_closed or self._wanted is None:
                    return
                (sound, start), self._wanted = self._wanted, None
            tokens = self._look(sound, start)
            if tokens is not None:
                self._on_tokens(tokens)

    def _look(self, sound: Sound, start: int) -> Tokens | None:
        count = min(WINDOW_SAMPLES, sound.written - start)
        samples = sound.read(start, count) if start >= 0 and count > 0 else None
        if samples is None:
            return None
        # The engine's memory of a stream goes forward only.
        if sound is not self._sound or start < self._last_start or count < WINDOW_SAMPLES:
            self._engine.reset()
        self._sound, self._last_start = sound, start
        window = np.pad(samples, (0, WINDOW_SAMPLES - count))
        return Tokens(start, self._engine.look(window, start))
