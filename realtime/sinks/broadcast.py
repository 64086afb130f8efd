"""From a session to its sinks: windows, events, and how the source is doing."""

import logging
import threading
from collections.abc import Sequence

from earmark.models.errors import EarmarkError
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.recovering import RecoveringSource
from earmark.realtime.detection.events import TagTracker
from earmark.realtime.live.clock import StreamClock
from earmark.realtime.live.session import ListeningSession

from .base import LossySink, Sink, SinkStatus, Status
from .items import Gap, Item, Notice, Sounding, StateChange
from .queued import QueuedSink

_LOG = logging.getLogger("earmark")


class Broadcast:
    """Tells sinks what a session hears; one thread calls it.

    Args:
        session: Started.
        tracker: Of its events.
        minimum_duration: From which on a tag counts as sounding (s).
        clock: Of the stream.
    """

    def __init__(
        self,
        session: ListeningSession,
        tracker: TagTracker,
        *,
        minimum_duration: float,
        clock: StreamClock,
    ) -> None:
        self._session = session
        self._tracker = tracker
        self._minimum_duration = minimum_duration
        self._clock = clock
        self._sinks: list[Sink] = []
        self._failures: dict[str, SinkStatus] = {}
        self._liveness: Liveness | None = None
        self._sounding: tuple[str, ...] = ()
        self._is_advised = False
        self._problems_told: set[str] = set()

    def add(self, sinks: Sequence[Sink]) -> None:
        """Tell some more sinks from now on."""
        self._sinks += sinks

    @property
    def told(self) -> tuple[str, ...]:
        """Names of the sinks that are still told."""
        return tuple(sink.name for sink in self._sinks)

    def pump(self, timeout: float) -> list[WindowResult]:
        """Tell what has come since the last call, waiting up to ``timeout`` seconds for a window.

        Returns:
            The windows.

        Raises:
            Exception: Whatever ended the session's worker before its time.
        """
        results = self._session.poll(timeout)
        self._clock.observe()
        self._look_at_source()
        for result in results:
            self._publish(result)
            events = self._tracker.update(result)
            for event in events:
                self._publish(event)
            self._tell_sounding(result.end)
        self._advise()
        return results

    def close(self) -> None:
        """Tell what was still sounding, and that it is over; close the sinks.

        They are closed side by side: the slowest alone says how long that takes.

        Raises:
            Exception: The first of what sinks raised while they were closed; all are closed then.
        """
        for event in self._tracker.flush():
            self._publish(event)
        self._sounding_is(self.status().seconds, ())
        self._change(Liveness.ENDED, self._session.problem)
        _close_side_by_side(self._sinks)

    def status(self) -> Status:
        """Return how the stream is doing; may be called in any thread."""
        session = self._session
        liveness, reason = self._state()
        return Status(
            seconds=session.sound.written / SAMPLE_RATE,
            liveness=liveness,
            reason=reason,
            windows=session.health.windows,
            skipped=session.skipped,
            overflows=session.capture.source.overflows,
            latency_ms=session.health.latency_ms(),
            inference_ms=session.health.inference_ms(),
            sinks={sink.name: _status_of(sink) for sink in list(self._sinks)} | self._failures,
        )

    def _state(self) -> tuple[Liveness, str]:
        source = self._session.capture.source
        if isinstance(source, RecoveringSource):
            return source.liveness, source.problem
        return (Liveness.ENDED if source.ended else Liveness.LISTENING), self._session.problem

    def _look_at_source(self) -> None:
        source = self._session.capture.source
        if isinstance(source, RecoveringSource):
            self._change(source.liveness, source.problem)
            for start, end in source.take_gaps():
                self._publish(Gap(start, end))
        elif not source.ended:
            self._change(Liveness.LISTENING, "")

    def _change(self, liveness: Liveness, reason: str) -> None:
        if liveness is not self._liveness:
            self._liveness = liveness
            self._publish(StateChange(self.status().seconds, liveness, reason))

    def _tell_sounding(self, now: float) -> None:
        lasting = [
            event
            for event in self._tracker.lasting()
            if event.end - event.start >= self._minimum_duration
        ]
        # Sorting is stable: those that began together keep the order of the tags.
        lasting.sort(key=lambda event: event.start)
        self._sounding_is(now, tuple(event.tag for event in lasting))

    def _sounding_is(self, now: float, tags: tuple[str, ...]) -> None:
        if set(tags) != set(self._sounding):
            self._sounding = tags
            self._publish(Sounding(now, tags))

    def _advise(self) -> None:
        if self._is_advised or not self._session.skipped:
            return
        if advice := self._session.health.advice():
            self._is_advised = True
            self._publish(Notice(self.status().seconds, advice))

    def _publish(self, item: Item) -> None:
        for sink in list(self._sinks):
            try:
                sink.take(item)
            except EarmarkError as error:
                _LOG.error("%s has ended: %s", sink.name, error)
                failed = SinkStatus(_status_of(sink).dropped, str(error))
                self._failures = {**self._failures, sink.name: failed}
                self._sinks.remove(sink)
                sink.close()


def _status_of(sink: Sink) -> SinkStatus:
    failure = sink.failure if isinstance(sink, QueuedSink) else ""
    return SinkStatus(sink.dropped if isinstance(sink, LossySink) else 0, failure)


def _close_side_by_side(sinks: Sequence[Sink]) -> None:
    errors: list[Exception] = []

    def close(sink: Sink) -> None:
        try:
            sink.close()
        except Exception as error:
            errors.append(error)

    closing = [threading.Thread(target=close, args=(sink,), daemon=True) for sink in sinks]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()
    if errors:
        raise errors[0]
