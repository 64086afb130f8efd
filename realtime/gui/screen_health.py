"""How fresh what is on the screen is, and how often it is drawn."""

import time
from collections import deque

import numpy as np

_KEPT = 600


class ScreenHealth:
    """Times of the newest drawings, and from the last sample of a window to its drawing."""

    def __init__(self) -> None:
        self._drawn_at: deque[float] = deque(maxlen=_KEPT)
        self._latencies: deque[float] = deque(maxlen=_KEPT)
        self._waiting: list[float] = []

    def expect(self, captured_at: float) -> None:
        """A result of sound captured then (monotonic s) is on its way to the screen."""
        self._waiting.append(captured_at)

    def drawn(self) -> None:
        """The screen shows all that was expected."""
        now = time.monotonic()
        self._drawn_at.append(now)
        self._latencies.extend(now - captured_at for captured_at in self._waiting)
        self._waiting.clear()

    def drawings_per_second(self) -> float:
        """Return how often the screen was drawn lately, NaN before it was."""
        if len(self._drawn_at) < 2:
            return float("nan")
        return (len(self._drawn_at) - 1) / max(self._drawn_at[-1] - self._drawn_at[0], 1e-9)

    def latency_ms(self) -> tuple[float, float]:
        """Return median and 95th percentile from sound to screen in ms, NaN where unknown."""
        if not self._latencies:
            return float("nan"), float("nan")
        median, p95 = np.percentile(np.array(self._latencies), [50, 95]) * 1_000
        return float(median), float(p95)
