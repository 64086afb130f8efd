"""Sound that is played while it is looked at: where it is, is where the picture is.

One thread hands blocks to the output device, which blocks it until there is room. Where no device
can be opened the same thread keeps the time, so that the picture moves without sound.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE

from .devices import open_output
from .sound import Sound

# Short enough that a pause is heard as one.
_BLOCK_SAMPLES = SAMPLE_RATE // 20


class Output(Protocol):
    """An open output device."""

    rate: float
    latency: float

    def write(self, samples: NDArray[np.float32]) -> None:
        """Play (samples,) at its rate; returns when there is room for more."""

    def close(self) -> None:
        """Let the device go."""


class SilentOutput:
    """Takes as long as the sound would."""

    rate = float(SAMPLE_RATE)
    latency = 0.0

    def write(self, samples: NDArray[np.float32]) -> None:
        """Wait for as long as the samples last."""
        time.sleep(len(samples) / SAMPLE_RATE)

    def close(self) -> None:
        """Nothing to let go."""


class Player:
    """Plays one sound at a time.

    Args:
        on_problem: Called in the player's thread where there is no device to play on.
        open_device: Opens the output of a name, None being the system's own.
    """

    def __init__(
        self,
        on_problem: Callable[[str], None],
        open_device: Callable[[str | None], Output] = open_output,
    ) -> None:
        self.device: str | None = None
        self._on_problem = on_problem
        self._open_device = open_device
        self._sound: Sound | None = None
        self._next = 0
        self._end: int | None = None
        self._loop_start: int | None = None
        self._heard = 0
        self._first = 0
        self._is_playing = False
        self._generation = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="earmark player", daemon=True)
        self._thread.start()

    @property
    def is_playing(self) -> bool:
        """Whether sound is on its way."""
        return self._is_playing

    @property
    def position(self) -> int:
        """The sample that is heard now."""
        return self._heard

    def play(self, sound: Sound, start: int, end: int | None = None, *, loop: bool = False) -> None:
        """Play from a sample on, up to ``end`` or to the end of the sound.

        Args:
            sound: What to play; what is not written yet is waited for.
            start: First sample.
            end: One past the last; None: all there is.
            loop: Whether to begin again at ``start`` when ``end`` was played.
        """
        with self._changed:
            self._sound, self._next, self._end = sound, start, end
            self._loop_start = start if loop else None
            self._heard = self._first = start
            self._is_playing = True
            self._generation += 1
            self._changed.notify()

    def pause(self) -> None:
        """Be quiet, and stay where it is."""
        with self._changed:
            self._is_playing = False
            self._generation += 1
            self._changed.notify()

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        with self._changed:
            self._is_closed = True
            self._is_playing = False
            self._changed.notify()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_playing or self._is_closed)
                if self._is_closed:
                    return
                generation = self._generation
            output = self._opened()
            resampler = soxr.ResampleStream(SAMPLE_RATE, output.rate, 1, "float32")
            try:
                while self._play_block(output, resampler, generation):
                    pass
            except AudioError as error:
                self._on_problem(str(error))
                self.pause()
            finally:
                output.close()

    def _opened(self) -> Output:
        try:
            return self._open_device(self.device)
        except AudioError as error:
            self._on_problem(str(error))
            return SilentOutput()

    def _play_block(self, output: Output, resampler: soxr.ResampleStream, generation: int) -> bool:
        """Play a little more; False once something else is wanted."""
        with self._changed:
            if generation != self._generation or self._sound is None or not self._is_playing:
                return False
            end = self._sound.written if self._end is None else min(self._end, self._sound.written)
            samples = self._sound.read(self._next, max(0, min(_BLOCK_SAMPLES, end - self._next)))
            if samples is None or not len(samples):
                if self._loop_start is not None and samples is not None:
                    self._next = self._loop_start
                    return True
                # As much silence as the device holds back: then all of the sound was heard.
                output.write(np.zeros(round(output.latency * output.rate), np.float32))
                self._is_playing = False
                self._heard = self._next
                return False
            self._next += len(samples)
            now = self._next
        output.write(resampler.resample_chunk(samples))
        # What the device holds back is not heard yet.
        heard = now - round(output.latency * SAMPLE_RATE)
        with self._changed:
            if generation == self._generation:
                self._heard = max(heard, self._first)
        return True
