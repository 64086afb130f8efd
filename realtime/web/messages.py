"""What readers of the stream are told, each a JSON object with its ``type``."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from earmark.models.release import release
from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.level import level_at
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.records import Record
from earmark.realtime.sinks.base import LiveStream
from earmark.realtime.sinks.items import Gap, Item, Notice, Sounding, StateChange
from earmark.realtime.sinks.messages import event_message, state_message, time_of_day

# Told to whoever comes later, so that a page that is opened is not empty.
_EVENTS_KEPT = 100


class Messages:
    """Turns items into messages, and remembers what a new reader has to know; for one thread.

    - ``hello``, the first: ``version``, ``source``, ``bundle``, ``tags``, ``branches``,
      ``thresholds``, ``hop``, ``liveness``, ``reason``, ``sounding`` and the newest ``events``.
    - ``window``: ``start``, ``end``, ``time``, ``probabilities`` in the order of the tags and
      ``branches``, a row for each; ``level`` (dBFS), ``latency`` (s) and ``skipped``.
    - ``event``, ``sounding``, ``state``, ``gap``, ``notice`` as they happen.
    - ``dropped``: so many messages other than windows were lost here, as they were read too slowly.

    Args:
        stream: What is listened to.
    """

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream
        self._events: deque[Record] = deque(maxlen=_EVENTS_KEPT)
        self._sounding: tuple[str, ...] = ()

    def hello(self) -> Record:
        """Return what comes first."""
        stream, status = self._stream, self._stream.status()
        thresholds = np.where(stream.thresholds <= 1, stream.thresholds, np.nan)
        return {
            "type": "hello",
            "version": release(),
            "source": stream.source,
            "bundle": stream.bundle,
            "tags": list(stream.tags),
            "branches": list(stream.branches),
            # None: the tag was not asked for, and is never an event.
            "thresholds": [None if math.isnan(t) else t for t in _rounded(thresholds)],
            "hop": stream.hop,
            "liveness": status.liveness.value,
            "reason": status.reason,
            "sounding": list(self._sounding),
            "events": list(self._events),
        }

    def of(self, item: Item) -> Record:
        """Return the message of an item."""
        if isinstance(item, WindowResult):
            return self._of_window(item)
        if isinstance(item, TagEvent):
            event = event_message(self._stream, item)
            self._events.append(event)
            return {"type": "event", **event}
        if isinstance(item, Sounding):
            self._sounding = item.tags
            return {"type": "sounding", "at": round(item.at, 4), "tags": list(item.tags)}
        if isinstance(item, StateChange):
            return {"type": "state", **state_message(self._stream, item)}
        if isinstance(item, Gap):
            span = {"start": round(item.start, 4), "end": round(item.end, 4)}
            return {"type": "gap", **span, "time": time_of_day(self._stream, item.start)}
        return self._of_notice(item)

    def _of_window(self, result: WindowResult) -> Record:
        stream = self._stream
        latency = result.latency_seconds
        return {
            "type": "window",
            "start": round(result.start, 4),
            "end": round(result.end, 4),
            "time": time_of_day(stream, result.end),
            "probabilities": _rounded(result.probabilities),
            "branches": [_rounded(row) for row in result.branch_probabilities],
            "level": round(level_at(stream.sound, result.end_sample).rms_dbfs, 1),
            "latency": None if latency is None else round(latency, 4),
            "skipped": stream.status().skipped,
        }

    def _of_notice(self, item: Notice) -> Record:
        return {"type": "notice", "at": round(item.at, 4), "text": item.text}


def _rounded(row: NDArray[np.floating]) -> list[float]:
    """Return numbers to three places: no bar is drawn finer."""
    rounded: list[float] = np.round(row.astype(np.float64), 3).tolist()
    return rounded
