"""How well a session keeps up, in the numbers that are shown."""

from collections import deque

import numpy as np

from earmark.models.streaming.results import WindowResult

# A minute at ten windows a second: long enough to be steady, short enough to be of now.
_WINDOWS_KEPT = 600


class Health:
    """Latency and load of the newest windows.

    Args:
        hop: Seconds between windows, which is what inference may take.
    """

    def __init__(self, hop: float) -> None:
        self._hop = hop
        self._latencies: deque[float] = deque(maxlen=_WINDOWS_KEPT)
        self._inference: deque[float] = deque(maxlen=_WINDOWS_KEPT)
        self.windows = 0

    def add(self, result: WindowResult) -> None:
        """Take a result into account."""
        self.windows += 1
        self._inference.append(result.inference_seconds)
        if result.latency_seconds is not None:
            self._latencies.append(result.latency_seconds)

    def latency_ms(self) -> tuple[float, float]:
        """Return median and 95th percentile in milliseconds, NaN where nothing is known."""
        return _median_and_p95(self._latencies)

    def inference_ms(self) -> tuple[float, float]:
        """Return median and 95th percentile of the time a window takes, in milliseconds."""
        return _median_and_p95(self._inference)

    def real_time_factor(self) -> float:
        """Return inference time over the time between windows; above 1 is too slow."""
        return self.inference_ms()[0] / 1_000 / self._hop

    def advice(self) -> str:
        """Return what to do where the machine does not keep up, else an empty string."""
        median_ms, _ = self.inference_ms()
        budget_ms = 1_000 * self._hop
        if not median_ms > budget_ms:
            return ""
        return (
            f"Inference takes {median_ms:.0f} ms per window, the hop is {budget_ms:.0f} ms: "
            f"choose a longer hop, such as --hop {1.5 * median_ms / 1_000:.1f}."
        )


def _median_and_p95(seconds: deque[float]) -> tuple[float, float]:
    if not seconds:
        return float("nan"), float("nan")
    median, p95 = np.percentile(np.array(seconds), [50, 95]) * 1_000
    return float(median), float(p95)
