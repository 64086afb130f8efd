"""A process that is killed: tells of events on standard output once its history has them."""

import sys
from pathlib import Path

import numpy as np

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.history.entries import SessionEntry
from earmark.realtime.history.writer import HistoryWriter
from earmark.realtime.live.clock import StreamClock
from earmark.realtime.sinks.base import LiveStream, Status
from earmark.realtime.sinks.history import HistorySink

path, key = Path(sys.argv[1]), sys.argv[2]
sound = RingBuffer(60 * SAMPLE_RATE)
status = Status(10.0, Liveness.LISTENING, "", 90, 0, 0, (40.0, 50.0), (4.0, 5.0), {})
stream = LiveStream(
    source="desk",
    bundle="tiny",
    tags=("Dog",),
    branches=("pitch",),
    thresholds=np.full(1, 0.5, np.float32),
    hop=0.1,
    clock=StreamClock(lambda s: 0.0, lambda: 1, monotonic=lambda: 0.0, wall=lambda: 1.8e9),
    sound=sound,
    status=lambda: status,
)
# However slow the disk of the tests is, all is waited for.
writer = HistoryWriter(path, SessionEntry(key, "desk", "tiny", 0.1, 1.8e9), patience=60.0)
sink = HistorySink(writer, stream)
row = np.array([0.9], np.float32)
for number in range(1_000_000):
    # Each window is in a minute of its own, so that minutes are written all the time, too.
    last = (number + 1) * 60 * SAMPLE_RATE
    sink.take(WindowResult(last - SAMPLE_RATE, last, row, row[None], 0.004))
    sink.take(TagEvent("Dog", float(number), number + 0.5, 0.9, 0.8, "pitch"))
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
