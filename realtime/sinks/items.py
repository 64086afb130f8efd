"""What a live stream tells its sinks, besides windows (``WindowResult``) and ``TagEvent``."""

from dataclasses import dataclass
from typing import TypeAlias

from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.detection.events import TagEvent


@dataclass(frozen=True, slots=True)
class Sounding:
    """Which tags sound now; told whenever that changes.

    A tag is in it from when it has lasted its minimum duration until its event is complete, so
    that whoever follows it neither flickers nor disagrees with the events.

    Args:
        at: Seconds of the stream.
        tags: Names, in the order in which they began.
    """

    at: float
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StateChange:
    """The source is doing otherwise than before.

    Args:
        at: Seconds of the stream.
        liveness: How it is doing from now on.
        reason: What is known of why, else empty.
    """

    at: float
    liveness: Liveness
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that was not heard; silence stands for it, so that no time is lost.

    Args:
        start: Seconds of the stream.
        end: Likewise.
    """

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that whoever runs it should know, told once.

    Args:
        at: Seconds of the stream.
        text: One line.
    """

    at: float
    text: str


Item: TypeAlias = WindowResult | TagEvent | Sounding | StateChange | Gap | Notice
