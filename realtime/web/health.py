"""Whether a stream lives, for those who watch over it."""

import math
import time
from collections.abc import Callable

from earmark.models.release import release
from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.files.records import Record
from earmark.realtime.sinks.base import LiveStream
from earmark.realtime.sinks.items import Item, StateChange

# A plug pulled out and put back in, or a machine busy for a moment, is nothing to restart for.
_PATIENCE = 10.0


class Vitals:
    """Notes when something last came, and says whether that is well.

    A stream is unwell once it has ended or failed, once its source has stalled or been gone for ten
    seconds, or once there was no result for as long. Silence is well: a microphone may be muted.

    Args:
        stream: What is listened to.
        clock: Monotonic seconds.
    """

    def __init__(self, stream: LiveStream, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._result_at = self._changed_at = clock()

    def note(self, item: Item) -> None:
        """Take an item into account."""
        if isinstance(item, WindowResult):
            self._result_at = self._clock()
        elif isinstance(item, StateChange):
            self._changed_at = self._clock()

    def problem(self) -> str:
        """Return why the stream does not live, else an empty string."""
        liveness, now = self._stream.status().liveness, self._clock()
        if liveness in (Liveness.FAILED, Liveness.ENDED):
            return f"the source has {liveness.value}"
        lasted = now - self._changed_at
        if liveness in (Liveness.STALLED, Liveness.RECOVERING) and lasted > _PATIENCE:
            return f"the source is {liveness.value} since {lasted:.0f} s"
        if now - self._result_at > _PATIENCE:
            return f"no result for {now - self._result_at:.0f} s"
        return ""

    def report(self, *, readers: int) -> Record:
        """Return all that is known.

        Args:
            readers: Of the stream, now.
        """
        stream, status = self._stream, self._stream.status()
        problem = self.problem()
        return {
            "status": "unwell" if problem else "well",
            "problem": problem,
            "liveness": status.liveness.value,
            "reason": status.reason,
            "seconds_since_result": round(self._clock() - self._result_at, 3),
            "seconds": round(status.seconds, 3),
            "windows": status.windows,
            "skipped": status.skipped,
            "overflows": status.overflows,
            "latency_ms": _median_and_p95(status.latency_ms),
            "inference_ms": _median_and_p95(status.inference_ms),
            "sinks": {
                name: {"dropped": sink.dropped, "failure": sink.failure}
                for name, sink in status.sinks.items()
            },
            "readers": readers,
            "source": stream.source,
            "bundle": stream.bundle,
            "version": release(),
        }


def _median_and_p95(milliseconds: tuple[float, float]) -> Record:
    # JSON has no NaN.
    values = (None if math.isnan(value) else round(value, 2) for value in milliseconds)
    return dict(zip(("median", "p95"), values, strict=True))
