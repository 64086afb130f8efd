"""What other programs are told, as plain values for JSON."""

import json
import uuid
from datetime import datetime

from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.records import Record, TagChoice, event_record, window_record

from .base import LiveStream
from .items import StateChange


def event_message(stream: LiveStream, event: TagEvent) -> Record:
    """Return an event with an id of its own and the times of day of its edges.

    Whoever is told it twice, because an answer was lost, knows by ``id``.
    """
    return {
        "id": str(uuid.uuid4()),
        **event_record(stream.source, event),
        "time": time_of_day(stream, event.start),
        "end_time": time_of_day(stream, event.end),
    }


def state_message(stream: LiveStream, change: StateChange) -> Record:
    """Return how the source is doing from now on."""
    return {
        "id": str(uuid.uuid4()),
        "file": stream.source,
        "at": round(change.at, 4),
        "liveness": change.liveness.value,
        "reason": change.reason,
        "time": time_of_day(stream, change.at),
    }


def window_message(stream: LiveStream, result: WindowResult, choice: TagChoice) -> Record:
    """Return a window as its record has it, with the time of day of its start."""
    record = window_record(stream.source, result, choice)
    return {**record, "time": time_of_day(stream, result.start)}


def time_of_day(stream: LiveStream, seconds: float) -> str:
    """Return when a moment of the stream was, in ISO 8601 with the offset of the place."""
    moment = datetime.fromtimestamp(stream.clock.time_of(seconds)).astimezone()
    return moment.isoformat(timespec="milliseconds")


def as_json(message: object) -> str:
    """Return a message as one line of JSON, in ASCII: names of files may hold what is no text."""
    return json.dumps(message)
