"""Days of sound at accelerated speed through ring, worker, tracker and sinks, counted to the last.

    python tests/drills/soak.py --hours 24

The source hands on what no microphone could: samples that tell their own number. The engine reads
it from each window, so a window that is torn, lost or repeated is seen. Tags sound by a timetable,
so that each event is known beforehand. Exit status 1 if a promise is broken.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES
from earmark.realtime.detection.events import EventSettings, TagTracker
from earmark.realtime.files.records import TagChoice
from earmark.realtime.live.clock import StreamClock
from earmark.realtime.live.session import ListeningSession
from earmark.realtime.sinks.base import LiveStream
from earmark.realtime.sinks.broadcast import Broadcast
from earmark.realtime.sinks.lines import LinesSink
from earmark.realtime.sinks.log import LogSink
from earmark.realtime.sinks.queued import QueuedSink

HOP_SAMPLES = SAMPLE_RATE // 10
TAGS = ("Dog", "Rain", "Siren")
BRANCHES = ("pitch", "timbre", "waveform", "neuralogram")

# Float32 holds whole numbers up to here.
COUNTED = 1 << 24

# Each tag sounds once a minute, from its own second on, for so long (s).
BEGINS = (5.0, 20.0, 40.0)
LASTS = 4.0

# More windows than that never wait: the source stays that close ahead of the worker.
AHEAD = 2

MOST_GROWTH_MB = 10.0


class NumberedSource:
    """Delivers samples that are their own numbers, as fast as they are taken."""

    name = "soak"
    failure = None
    overflows = 0
    non_finite = 0

    def __init__(self, seconds: int) -> None:
        self.ended = False
        self.windows_done = 0
        self._blocks = seconds * SAMPLE_RATE // HOP_SAMPLES
        self._stop = threading.Event()

    def start(self, write) -> None:
        self._thread = threading.Thread(target=self._deliver, args=(write,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _deliver(self, write) -> None:
        numbers = np.arange(HOP_SAMPLES)
        for block in range(self._blocks):
            complete = block + 1 - WINDOW_SAMPLES // HOP_SAMPLES + 1
            while complete - self.windows_done > AHEAD and not self._stop.is_set():
                self._stop.wait(0.0002)
            write(((block * HOP_SAMPLES + numbers) % COUNTED).astype(np.float32))
        self.ended = True


class CheckingEngine:
    """Reads from a window which it is; its tags follow the timetable."""

    def __init__(self, source: NumberedSource) -> None:
        self.wrong = 0
        self._source = source

    def warm_up(self, hop_samples: int) -> None:
        pass

    def process(self, window, start_sample: int) -> WindowResult:
        ends = start_sample % COUNTED, (start_sample + WINDOW_SAMPLES - 1) % COUNTED
        self.wrong += (int(window[0]), int(window[-1])) != ends
        self._source.windows_done += 1
        second = (start_sample / SAMPLE_RATE + 0.5) % 60
        row = np.array([0.9 if b <= second < b + LASTS else 0.1 for b in BEGINS], np.float32)
        return WindowResult(
            start_sample, start_sample + WINDOW_SAMPLES, row, np.tile(row, (4, 1)), 1e-4
        )


class Counting:
    """A sink behind a queue that counts the windows it was told of."""

    name = "counting"

    def __init__(self) -> None:
        self.windows = 0

    def take(self, item) -> None:
        self.windows += isinstance(item, WindowResult)

    def close(self) -> None:
        pass


def resident_mb() -> float:
    """Return the memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def soak(hours: float, folder: Path) -> dict[str, object]:
    """Run so many hours and return what was counted."""
    seconds = round(hours * 3_600)
    source = NumberedSource(seconds)
    engine = CheckingEngine(source)
    session = ListeningSession(source, engine, hop=0.1, kept_seconds=120)
    settings = EventSettings(smoothing=0.0)
    tracker = TagTracker(TAGS, BRANCHES, np.full(3, 0.5, np.float32), hop=0.1, settings=settings)
    clock = StreamClock(session.capture.captured_at, lambda: session.sound.written)
    broadcast = Broadcast(session, tracker, minimum_duration=0.2, clock=clock)
    stream = LiveStream(
        source="soak", bundle="soak", tags=TAGS, branches=BRANCHES,
        thresholds=np.full(3, 0.5, np.float32), hop=0.1, clock=clock, sound=session.sound,
        status=broadcast.status,
    )  # fmt: skip
    counting = Counting()
    queued = QueuedSink(counting, most_waiting=10_000)
    memory: list[tuple[float, float]] = []
    latencies: list[tuple[float, float]] = []
    began = time.monotonic()
    with (folder / "events.jsonl").open("w") as output, session:
        choice = TagChoice(TAGS, BRANCHES)
        lines = LinesSink("jsonl", output, stream, choice, has_events=True)
        broadcast.add([lines, LogSink(stream), queued])
        last, repeated, out_of_order = -HOP_SAMPLES, 0, 0
        while not session.is_over:
            for result in broadcast.pump(0.05):
                repeated += result.start_sample == last
                out_of_order += result.start_sample != last + HOP_SAMPLES
                last = result.start_sample
                if result.start_sample % (60 * SAMPLE_RATE) == 0:
                    hour = result.start_sample / SAMPLE_RATE / 3_600
                    memory.append((hour, resident_mb()))
                    latencies.append((hour, result.latency_seconds or 0.0))
                    show(hour, hours)
        broadcast.close()
    windows = (seconds * SAMPLE_RATE - WINDOW_SAMPLES) // HOP_SAMPLES + 1
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    spans = [(event["tag"], event["start"]) for event in events if "tag" in event]
    settled = min(1.0, hours / 2)
    after = [mb for hour, mb in memory if hour >= settled] or [resident_mb()]
    early = [s for hour, s in latencies if hour <= hours / 4]
    late = [s for hour, s in latencies if hour >= 3 * hours / 4]
    return {
        "hours": hours,
        "took_s": round(time.monotonic() - began, 1),
        "windows": session.health.windows,
        "windows_lost": windows - session.health.windows,
        "windows_repeated": repeated,
        "windows_out_of_order": out_of_order,
        "windows_torn": engine.wrong,
        "windows_lost_by_queue": windows - counting.windows,
        "events": len(spans),
        "events_wanted": events_within(seconds),
        "events_repeated": len(spans) - len(set(spans)),
        "growth_mb": round(max(after) - after[0], 2),
        "latency_ms_early": round(1e3 * float(np.median(early or [0.0])), 2),
        "latency_ms_late": round(1e3 * float(np.median(late or [0.0])), 2),
    }


def events_within(seconds: int) -> int:
    """Return how many events of the timetable begin and end in so many seconds."""
    return sum(
        60 * minute + begin + LASTS < seconds
        for minute in range(seconds // 60 + 1)
        for begin in BEGINS
    )


def show(hour: float, hours: float) -> None:
    """Say how far it is, once an hour."""
    if abs(hour - round(hour)) < 1e-9 and hour:
        print(f"{hour:.0f} of {hours:g} hours", file=sys.stderr)


def broken(counted: dict[str, object]) -> list[str]:
    """Return the promises that what was counted breaks."""
    nothing = (
        "windows_lost", "windows_repeated", "windows_out_of_order", "windows_torn",
        "windows_lost_by_queue", "events_repeated",
    )  # fmt: skip
    found = [f"{name}: {counted[name]}" for name in nothing if counted[name]]
    if counted["events"] != counted["events_wanted"]:
        found.append(f"events: {counted['events']}, not {counted['events_wanted']}")
    if float(str(counted["growth_mb"])) >= MOST_GROWTH_MB:
        found.append(f"memory grew by {counted['growth_mb']} MB")
    early, late = float(str(counted["latency_ms_early"])), float(str(counted["latency_ms_late"]))
    if late > 2 * early + 5:
        found.append(f"latency went from {early} to {late} ms")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0, help="of sound")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counted = soak(args.hours, Path(folder))
    print(json.dumps(counted))
    for promise in broken(counted):
        print(f"broken: {promise}", file=sys.stderr)
    return 1 if broken(counted) else 0


if __name__ == "__main__":
    sys.exit(main())
