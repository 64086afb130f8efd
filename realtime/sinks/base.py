"""Those who are told what is heard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.sound import Sound
from earmark.realtime.live.clock import StreamClock

from .items import Item


@dataclass(frozen=True)
class SinkStatus:
    """How one of those who are told is doing.

    Args:
        dropped: Items that did not arrive.
        failure: What ended it before its time, else empty.
    """

    dropped: int = 0
    failure: str = ""


@dataclass(frozen=True)
class Status:
    """How a live stream is doing at a moment.

    Args:
        seconds: Of the stream so far.
        liveness: Of the source.
        reason: Why it is not listening, else empty.
        windows: Tagged so far.
        skipped: Windows left out because the machine did not keep up.
        overflows: Times that sound was lost before it got here.
        latency_ms: Median and 95th percentile, NaN where nothing is known.
        inference_ms: Likewise.
        sinks: Those who are told, by name; also those that have failed.
    """

    seconds: float
    liveness: Liveness
    reason: str
    windows: int
    skipped: int
    overflows: int
    latency_ms: tuple[float, float]
    inference_ms: tuple[float, float]
    sinks: dict[str, SinkStatus]


@dataclass(frozen=True)
class LiveStream:
    """What a sink may know of the stream it is told of.

    Args:
        source: Name of what is heard, when it was opened.
        bundle: Name of the model.
        tags: In the order of the probabilities.
        branches: In the order of the branch probabilities.
        thresholds: (tags,) from which on a tag is heard.
        hop: Seconds between windows.
        clock: The time of day of moments of the stream.
        sound: The newest sound.
        status: How it is doing now; may be asked in any thread.
    """

    source: str
    bundle: str
    tags: Sequence[str]
    branches: Sequence[str]
    thresholds: NDArray[np.float32]
    hop: float
    clock: StreamClock
    sound: Sound
    status: Callable[[], Status]


class Sink(Protocol):
    """Takes the items of one stream, in order.

    Attributes:
        name: To show to people, such as ``mqtt``.
    """

    name: str

    def take(self, item: Item) -> None:
        """Take an item. What waits for others belongs behind a ``QueuedSink``.

        Raises:
            EarmarkError: If it cannot go on; it is told nothing more then.
        """

    def close(self) -> None:
        """Finish: nothing comes after it. Safe to call twice."""


@runtime_checkable
class LossySink(Sink, Protocol):
    """A sink that cannot get everything to where it belongs, and counts what it does not.

    Attributes:
        dropped: Items that did not arrive so far; may be read in any thread.
    """

    dropped: int
