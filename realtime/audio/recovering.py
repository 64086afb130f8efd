"""A source that comes back: opened again by its name after it was pulled out, stalled or refused.

Two activities: the source's own thread hands on blocks, a watching thread looks whether they come.
Only one of them writes at a time: the watcher closes the source before it fills the gap.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE, seconds_to_samples

from .liveness import Liveness
from .source import AudioSource, Write

_WATCH_SECONDS = 0.05

# Without a block for so long a device is said to stall, and then taken to be gone: drivers hiccup
# for less.
_STALLED_SECONDS = 0.7
_GONE_SECONDS = 2.0

# Sound servers may take their time for the first one.
_FIRST_BLOCK_SECONDS = 6.0

# Zeros for so long are no sound: a microphone that may be used hears at least its own noise.
_SILENT_SECONDS = 3.0

# Between two tries to open it again (s): soon at first, then not to be a burden.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 4.0

# Without it for so long, somebody has to do something.
_FAILED_SECONDS = 30.0


class RecoveringSource:
    """Keeps a source alive; silence stands for what was missed, so that time is never stretched.

    Args:
        open_source: Returns a new source, not started; raises AudioError where there is none.
        name: To show to people.
        waits: Whether it may be missing at the start; it is waited for then.
        before_retry: Called before each new try, such as to look for devices anew.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        open_source: Callable[[], AudioSource],
        name: str,
        *,
        waits: bool = True,
        before_retry: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.ended = False
        self.failure: Exception | None = None
        self.problem = ""
        #: Whether anything but zeros ever came.
        self.has_sounded = False
        self._open = open_source
        self._waits = waits
        self._before_retry = before_retry
        self._clock = clock
        self._source: AudioSource | None = None
        self._write: Write = lambda block: None
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._lost_before = 0
        self._bad_before = 0
        self._has_begun = False
        self._is_heard = False
        self._heard_at = 0.0
        self._sounded_at = 0.0
        self._next_try = 0.0
        self._wait = _FIRST_WAIT
        self._lost_at: float | None = None
        self._written = 0
        self._gap_start: float | None = None
        self._gaps: queue.SimpleQueue[tuple[float, float]] = queue.SimpleQueue()

    @property
    def liveness(self) -> Liveness:
        """How it is doing."""
        if self.ended:
            return Liveness.ENDED
        now = self._clock()
        if self._source is None:
            lost_at = now if self._lost_at is None else self._lost_at
            is_late = now - lost_at > _FAILED_SECONDS
            return Liveness.FAILED if is_late else Liveness.RECOVERING
        if self._is_heard and now - self._heard_at > _STALLED_SECONDS:
            return Liveness.STALLED
        is_silent = self._heard_at - self._sounded_at > _SILENT_SECONDS
        return Liveness.SILENT if is_silent else Liveness.LISTENING

    @property
    def overflows(self) -> int:
        """Times that sound was lost before it got here."""
        source = self._source
        return self._lost_before + (0 if source is None else source.overflows)

    @property
    def non_finite(self) -> int:
        """Samples that were NaN, infinite or absurdly loud and became silence."""
        source = self._source
        return self._bad_before + (0 if source is None else source.non_finite)

    def start(self, write: Write) -> None:
        """Begin; a source that cannot be opened now is tried again, and ``problem`` says why.

        Raises:
            AudioError: If it cannot be opened and is not to be waited for.
        """
        self._write = write
        self._lost_at = self._clock()
        self._try_to_open()
        if self._source is None and not self._waits:
            raise AudioError(self.problem)
        self._watcher = threading.Thread(target=self._watch, name="earmark watcher", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Stop for good. Safe to call twice."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join(timeout=2)
        self._let_go()
        self.ended = True

    def take_gaps(self) -> list[tuple[float, float]]:
        """Return the gaps that have ended since the last call: (start, end) in stream seconds."""
        return [self._gaps.get_nowait() for _ in range(self._gaps.qsize())]

    def check(self) -> None:
        """Look once whether blocks come, and do what is due; the watching thread calls it."""
        now = self._clock()
        source = self._source
        if source is not None:
            patience = _GONE_SECONDS if self._is_heard else _FIRST_BLOCK_SECONDS
            why = "it sends nothing any more" if now - self._heard_at > patience else ""
            if source.failure is not None:
                why = str(source.failure)
            elif source.ended:
                why = "it has ended"
            if not why:
                return
            self.problem = f"{self.name} was lost: {why}"
            self._lost_at = now
            self._let_go()
            self._wait = _FIRST_WAIT
            self._next_try = now
        self._fill(now)
        if now >= self._next_try:
            with suppress(AudioError):
                self._before_retry()
            self._try_to_open()

    def _watch(self) -> None:
        while not self._stop.wait(_WATCH_SECONDS):
            self.check()

    def _try_to_open(self) -> None:
        try:
            source = self._open()
            # Nothing may arrive before the gap is closed: it is, up to the last check.
            now = self._clock()
            self._fill(now)
            self._heard_at = self._sounded_at = now
            self._is_heard = False
            source.start(self._take)
        except AudioError as error:
            self.problem = str(error)
            self._next_try = self._clock() + self._wait
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
            return
        self._source = source
        self.name = source.name
        self._has_begun = True
        self.problem = ""
        self._wait = _FIRST_WAIT

    def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
            self._lost_before += source.overflows
            self._bad_before += source.non_finite

    def _take(self, block: NDArray[np.float32]) -> None:
        if self._gap_start is not None:
            # What passed from opening it to its first block was not heard either.
            self._fill(self._clock() - len(block) / SAMPLE_RATE)
            self._gaps.put((self._gap_start, self._written / SAMPLE_RATE))
            self._gap_start = None
        self._heard_at = self._clock()
        self._is_heard = True
        if block.any():
            self._sounded_at = self._heard_at
            self.has_sounded = True
        self._written += len(block)
        self._write(block)

    def _fill(self, now: float) -> None:
        """Write silence up to now, once it has begun at all."""
        missing = seconds_to_samples(now - self._heard_at)
        if not self._has_begun or missing <= 0:
            return
        if self._gap_start is None:
            self._gap_start = self._written / SAMPLE_RATE
        # A machine that slept for hours is not to be handed hours of zeros in one piece.
        for first in range(0, missing, SAMPLE_RATE):
            silence = np.zeros(min(SAMPLE_RATE, missing - first), np.float32)
            self._written += len(silence)
            self._write(silence)
        self._heard_at = now
