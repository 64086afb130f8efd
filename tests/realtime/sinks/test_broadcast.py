import json
import logging
import threading
import time

import numpy as np
import pytest

from earmark.models.errors import AudioError, EarmarkError
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.recovering import RecoveringSource
from earmark.realtime.detection.events import EventSettings, TagEvent, TagTracker
from earmark.realtime.files.records import TagChoice
from earmark.realtime.live.clock import StreamClock
from earmark.realtime.live.session import ListeningSession
from earmark.realtime.sinks.base import SinkStatus
from earmark.realtime.sinks.broadcast import Broadcast
from earmark.realtime.sinks.items import Gap, Notice, Sounding, StateChange
from earmark.realtime.sinks.lines import LinesSink
from earmark.realtime.sinks.queued import QueuedSink

TAGS = ("Loud", "Never")
BRANCHES = ("pitch", "timbre", "waveform", "neuralogram")


class LevelEngine:
    """Calls a window loud where it is; as slow as it is told to be."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def warm_up(self, hop_samples: int) -> None:
        pass

    def process(self, window: np.ndarray, start_sample: int) -> WindowResult:
        if self.seconds:
            time.sleep(self.seconds)
        loud = float(np.abs(window).mean() > 0.1)
        row = np.array([loud, 0.0], np.float32)
        return WindowResult(
            start_sample, start_sample + len(window), row, np.tile(row, (4, 1)), self.seconds
        )


class Pushed:
    """A microphone whose blocks the test hands on."""

    name = "USB Microphone"
    overflows = 0
    non_finite = 0

    def __init__(self) -> None:
        self.ended = False
        self.failure: Exception | None = None

    def start(self, write) -> None:
        self.write = write

    def close(self) -> None:
        self.ended = True


class Kept:
    """A sink that keeps all."""

    name = "kept"

    def __init__(self) -> None:
        self.items: list[object] = []
        self.closed = 0

    def take(self, item: object) -> None:
        self.items.append(item)

    def close(self) -> None:
        self.closed += 1

    def of(self, kind: type) -> list:
        return [item for item in self.items if isinstance(item, kind)]


class Room:
    """A session with a microphone, a broadcast and a clock that the test turns."""

    def __init__(self, engine: LevelEngine) -> None:
        self.now = 100.0
        self.is_there = True
        self.opened: list[Pushed] = []
        self.microphone = RecoveringSource(self._open, "USB", clock=lambda: self.now)
        self.microphone._watch = lambda: None
        self.session = ListeningSession(self.microphone, engine, hop=0.1)
        settings = EventSettings(smoothing=0.0, merge_gap=0.2)
        tracker = TagTracker(
            TAGS, BRANCHES, np.full(2, 0.5, np.float32), hop=0.1, settings=settings
        )
        clock = StreamClock(self.session.capture.captured_at, lambda: self.session.sound.written)
        self.broadcast = Broadcast(self.session, tracker, minimum_duration=0.2, clock=clock)
        self.kept = Kept()
        self.broadcast.add([self.kept])

    def _open(self) -> Pushed:
        if not self.is_there:
            raise AudioError("no input device is named 'USB'")
        self.opened.append(Pushed())
        return self.opened[-1]

    def hear(self, seconds: float, amplitude: float) -> None:
        """Hear so much, and tell all of it."""
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            self.opened[-1].write(np.full(1_600, amplitude, np.float32))
            self._settle()

    def wait(self, seconds: float) -> None:
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            self.microphone.check()
            self._settle()

    def _settle(self) -> None:
        complete = max(0, (self.session.sound.written - SAMPLE_RATE) // 1_600 + 1)
        for _ in range(1_000):
            self.broadcast.pump(0.005)
            if self.session.health.windows + self.session.skipped >= complete:
                return
        pytest.fail("the windows did not come")


@pytest.fixture
def room():
    made = Room(LevelEngine())
    with made.session:
        yield made


def test_pulled_plug_is_a_gap_in_the_results_and_no_stretched_time(room) -> None:
    room.hear(3, 0.5)
    room.is_there = False
    room.opened[-1].failure = AudioError("the device was unplugged")
    room.wait(5)
    room.is_there = True
    room.wait(5)
    room.hear(3, 0.5)
    room.broadcast.close()
    states = [change.liveness for change in room.kept.of(StateChange)]
    assert states == [
        Liveness.LISTENING,
        Liveness.RECOVERING,
        Liveness.LISTENING,
        Liveness.ENDED,
    ]
    (gap,) = room.kept.of(Gap)
    assert gap.start == pytest.approx(3.0)
    assert room.session.sound.written / SAMPLE_RATE == pytest.approx(room.now - 100.0, abs=0.2)
    first, second = room.kept.of(TagEvent)
    assert first.end <= gap.start + 0.6
    assert second.start >= gap.end - 0.6
    windows = [result.start_sample for result in room.kept.of(WindowResult)]
    # Windows of the silence that stands for the gap may be left out; none is told twice.
    assert windows == sorted(set(windows))
    assert all(start % 1_600 == 0 for start in windows)


def test_reason_goes_with_the_change(room) -> None:
    room.hear(1, 0.5)
    room.is_there = False
    room.opened[-1].failure = AudioError("the device was unplugged")
    room.wait(1)
    lost = room.kept.of(StateChange)[-1]
    assert lost.liveness is Liveness.RECOVERING
    assert "USB" in lost.reason


def test_zeros_are_told_as_silence(room) -> None:
    room.hear(1, 0.5)
    room.hear(4, 0.0)
    assert room.kept.of(StateChange)[-1].liveness is Liveness.SILENT


def test_what_sounds_is_told_when_it_begins_and_when_it_is_over(room) -> None:
    room.hear(2, 0.0)
    room.hear(3, 0.5)
    room.hear(3, 0.0)
    on, off = room.kept.of(Sounding)
    (event,) = room.kept.of(TagEvent)
    assert (on.tags, off.tags) == (("Loud",), ())
    assert event.start < on.at < event.end < off.at


def test_what_still_sounds_at_the_end_is_told(room) -> None:
    room.hear(3, 0.5)
    room.broadcast.close()
    assert [event.tag for event in room.kept.of(TagEvent)] == ["Loud"]
    assert room.kept.of(Sounding)[-1].tags == ()
    assert room.kept.closed == 1


def test_sink_that_fails_is_left_out_and_the_others_go_on(room, caplog) -> None:
    class Full(Kept):
        name = "full"

        def take(self, item: object) -> None:
            raise EarmarkError("no space left on the disk")

    full = Full()
    room.broadcast.add([full])
    with caplog.at_level(logging.ERROR):
        room.hear(2, 0.5)
    assert full.closed == 1
    assert caplog.text.count("full has ended: no space left on the disk") == 1
    assert len(room.kept.of(WindowResult)) == 11


def test_status_tells_of_each_sink_and_of_what_ended_it(room, wait_for) -> None:
    class Full(Kept):
        name = "full"

        def take(self, item: object) -> None:
            raise EarmarkError("no space left on the disk")

    class Faulty(Kept):
        name = "faulty"

        def take(self, item: object) -> None:
            raise ValueError("a fault")

    faulty = QueuedSink(Faulty())
    room.broadcast.add([Full(), faulty])
    room.hear(2, 0.5)
    wait_for(lambda: faulty.failure)
    sinks = room.broadcast.status().sinks
    assert sinks["kept"] == SinkStatus()
    assert sinks["full"] == SinkStatus(0, "no space left on the disk")
    assert sinks["faulty"].failure == "ValueError: a fault"
    room.broadcast.close()


def test_sinks_are_closed_side_by_side_each_though_one_fails(room) -> None:
    # Each waits until all are being closed: one after another they would wait forever.
    all_closing = threading.Barrier(4, timeout=5)

    class Together(Kept):
        def close(self) -> None:
            all_closing.wait()
            super().close()

    class Torn(Together):
        def close(self) -> None:
            super().close()
            raise BrokenPipeError

    sinks = [Together(), Torn(), Together(), Together()]
    room.broadcast.add(sinks)
    with pytest.raises(BrokenPipeError):
        room.broadcast.close()
    assert [sink.closed for sink in [*sinks, room.kept]] == [1] * 5


def test_json_lines_tell_the_liveness_the_gap_and_the_time_of_day(room, make_stream, tmp_path):
    path = tmp_path / "live.jsonl"
    with path.open("w") as output:
        stream = make_stream(TAGS)
        lines = LinesSink("jsonl", output, stream, TagChoice(TAGS, BRANCHES), has_events=False)
        room.broadcast.add([lines])
        room.hear(2, 0.5)
        room.is_there = False
        room.opened[-1].failure = AudioError("the device was unplugged")
        room.wait(2)
        # Each line is with the system as soon as it is told: another reader sees it.
        assert '"recovering"' in path.read_text()
        room.is_there = True
        room.wait(4)
        room.hear(1, 0.5)
        room.broadcast.close()
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(record["file"] == "desk" and record["time"] for record in records)
    windows = [record for record in records if "tags" in record]
    assert {record["liveness"] for record in windows} == {"listening", "recovering"}
    changes = [record["liveness"] for record in records if "at" in record]
    assert changes == ["recovering", "listening"]
    (gap,) = [record for record in records if "gap" in record]
    assert gap["end"] > gap["start"]


def test_too_slow_a_machine_tells_the_newest_counts_the_rest_and_advises_once() -> None:
    room = Room(LevelEngine(seconds=0.12))
    with room.session:
        for _ in range(60):
            room.opened[-1].write(np.full(1_600, 0.5, np.float32))
            room.broadcast.pump(0.03)
        for _ in range(10):
            room.broadcast.pump(0.12)
    windows = room.kept.of(WindowResult)
    newest = (room.session.sound.written - SAMPLE_RATE) // 1_600 * 1_600
    assert newest - windows[-1].start_sample <= 3 * 1_600
    starts = [window.start_sample for window in windows]
    assert starts == sorted(set(starts))
    assert room.session.skipped > 20
    (advice,) = room.kept.of(Notice)
    assert "choose a longer hop" in advice.text
    # The sound itself is whole.
    sound = room.session.sound.read(0, room.session.sound.written)
    assert sound is not None
    assert (sound == np.float32(0.5)).all()
