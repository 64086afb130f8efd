"""``kill -9`` at random moments, and what is found afterwards.

    python -m tests.drills.kill --times 100

Three things are killed so many times each, in processes split off from this one: ``earmark live``
(what it reported must be in its history, no line torn, every clip must open), a recording of a
session (it must open up to its last second) and ``earmark file --resume`` (it goes on after each
kill; no record may be lost or doubled). Exit status 1 if a promise is broken.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
import torch

# What a process that is killed would else import anew each time.
import earmark.realtime.commands.file
import earmark.realtime.commands.live
import earmark.realtime.live.session
from earmark.__main__ import main as earmark
from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.bundle.torchscript import save_bundle
from earmark.models.calibration import OUTPUTS, Calibration
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.streaming.results import WindowResult
from earmark.models.tagger import build_tagger
from earmark.models.timebase import SAMPLE_RATE
from earmark.models.vocabulary import TagVocabulary
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.recording.recorder import SessionRecorder

from ..conftest import TINY_CONFIG, TINY_TAGS
from .aftermath import BrokenPromiseError, check, check_clips, check_reported, contents, opened
from .forked import forked, is_over, killed, status_of, wait_until

# Live sound comes so many times as fast as it sounds: more happens before the kill.
SPEED = 4.0

# What a recording may lack of the sound that there was.
MOST_LOST_S = 1.0

_STARTUP_S = 60.0
_STEP = SAMPLE_RATE // 20
_EVENT_OPTIONS = ("--smoothing", "0", "--minimum-duration", "0", "--merge-gap", "0")


class Drill:
    """What is killed, again and again.

    Args:
        folder: For all that is written.
        seed: Decides the moments.

    Attributes:
        counts: Of what was found.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.log = folder / "said.log"
        self.counts = {
            "kills_live": 0, "events_reported": 0, "disk_too_slow": 0, "clips": 0,
            "kills_recording": 0, "recorded_s": 0.0, "most_lost_s": 0.0,
            "kills_resume": 0, "runs_resumed": 0, "records": 0,
        }  # fmt: skip
        self.sound = bursts(60.0)
        self.bundle = folder / "bundle"
        check(status_of(forked(self._make_bundle, log=self.log)) == 0, "no bundle")

    def _make_bundle(self) -> None:
        """Make an untrained bundle whose tags come and go with the sound."""
        torch.manual_seed(3)
        tagger = build_tagger(TINY_CONFIG, len(TINY_TAGS)).eval()
        vocabulary, neutral = TagVocabulary(TINY_TAGS), Calibration.neutral(len(TINY_TAGS))
        save_bundle(tagger, BundleMetadata("tiny", vocabulary, neutral), self.bundle)
        engine = InferenceEngine(load_bundle(self.bundle, device="cpu", threads=1))
        results = analyse([self.sound[: 20 * SAMPLE_RATE]], engine, SAMPLE_RATE // 10)
        p = np.stack([result.probabilities for result in results]).astype(np.float64)
        middle = np.median(np.log(p / (1 - p)), axis=0)
        scale = np.ones((len(OUTPUTS), len(TINY_TAGS)), np.float32)
        scale[0] = 1_000
        bias = np.zeros_like(scale)
        bias[0] = -1_000 * middle
        moved = Calibration(scale, bias, neutral.thresholds)
        save_bundle(tagger, BundleMetadata("tiny", vocabulary, moved), self.bundle)

    def live(self, number: int) -> None:
        """Kill ``earmark live``, once."""
        home = self.folder / f"live {number}"
        home.mkdir()
        form = "csv" if number % 2 else "jsonl"
        output = home / f"events.{form}"
        output.touch()
        words = ["live", "-", "--bundle", str(self.bundle), "--device", "cpu", *_EVENT_OPTIONS]
        words += ["--events", "--format", form, "--history", str(home / "history.db")]
        words += ["--clips", str(home / "clips"), "--clips-before", "0.2", "--clips-after", "0.2"]
        heard, fed = os.pipe()
        log = home / "said.log"
        feeder = forked(lambda: feed(fed, self.sound), log=log)
        os.close(fed)
        child = forked(lambda: earmark(words), output=output, log=log, given=heard)
        os.close(heard)
        try:
            if number % 6:  # now and then, it is killed while it starts
                wait_until(lambda: len(output.read_bytes()) > 200 or is_over(child), _STARTUP_S)
                check(not is_over(child), "earmark live has ended")
            time.sleep(self.random.uniform(0, 1.0))
        finally:
            status = killed(child)
            killed(feeder)
        check(status == -signal.SIGKILL, "earmark live had ended")
        self.counts["kills_live"] += 1
        # Whoever runs it is told that the history is behind: what is reported then may be lost.
        is_behind = "the disk does not answer" in log.read_text()
        self.counts["disk_too_slow"] += is_behind
        history = home / "history.db"
        self.counts["events_reported"] += check_reported(output, history, is_behind=is_behind)
        self.counts["clips"] += check_clips(home / "clips")

    def recording(self, number: int) -> None:
        """Kill a recording, once."""
        home = self.folder / f"recording {number}"
        told = self.folder / f"recording {number}.txt"
        child = forked(lambda: record(home, self.sound), output=told, log=self.log)
        try:
            check(wait_until(lambda: home.exists(), _STARTUP_S), "no recording begins")
            time.sleep(self.random.uniform(0, 2.5))
        finally:
            status = killed(child)
        check(status == -signal.SIGKILL, "the recording had ended")
        heard = float((told.read_text().split() or ["0"])[-1]) if told.exists() else 0.0
        found = opened(home, self.sound, _STEP)
        lost = heard - found
        check(lost <= MOST_LOST_S, f"{home} lacks {lost:.2f} s of {heard:.2f} s")
        self.counts["kills_recording"] += 1
        self.counts["recorded_s"] = round(self.counts["recorded_s"] + found, 2)
        self.counts["most_lost_s"] = round(max(self.counts["most_lost_s"], lost), 3)

    def resume(self, times: int) -> None:
        """Kill ``earmark file --resume`` so many times, going on after each."""
        sounds = self.folder / "sounds"
        sounds.mkdir()
        for number in range(12):
            start = number * SAMPLE_RATE * 4
            part = self.sound[start : start + SAMPLE_RATE * 4]
            soundfile.write(sounds / f"{number}.wav", part, SAMPLE_RATE)
        words = ["file", str(sounds), "--bundle", str(self.bundle), "--device", "cpu"]
        words += ["--windows", "--format", "jsonl", "--threads", "1"]
        whole = self.folder / "whole"
        command = [*words, "--output", str(whole)]
        check(status_of(forked(lambda: earmark(command), log=self.log)) == 0, "no files are tagged")
        wanted = contents(whole)
        while self.counts["kills_resume"] < times:
            output = self.folder / f"resumed {self.counts['runs_resumed']}"
            command = [*words, "--output", str(output), "--resume"]
            is_done = False
            while not is_done:
                child = forked(lambda: earmark(command), log=self.log)  # noqa: B023 - at once
                if self.counts["kills_resume"] < times:
                    wait_until(lambda: is_over(child), self.random.uniform(0, 1.5))  # noqa: B023
                    status = killed(child)
                else:
                    status = status_of(child)
                is_done = status == 0
                check(status in (0, -signal.SIGKILL), f"it ends with {status}; see {self.log}")
                self.counts["kills_resume"] += not is_done
                finished = contents(output)
                check(finished.items() <= wanted.items(), f"{output} holds other records")
            check(contents(output, ending="") == wanted, f"{output} lacks records, or has more")
            self.counts["runs_resumed"] += 1
            self.counts["records"] += sum(text.count("\n") for text in wanted.values())


def bursts(seconds: float) -> np.ndarray:
    """Return noise and tones that begin and end several times a second."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(len(time_s)) * 0.1
    tone = 0.3 * np.sin(2 * np.pi * 440 * time_s)
    sound = np.where(np.sin(2 * np.pi * 0.9 * time_s) > 0, noise, tone * (time_s % 0.7 < 0.3))
    return sound.astype(np.float32)


def feed(to: int, sound: np.ndarray) -> None:
    """Write sound as 16-bit PCM, in the time that it takes."""
    pcm = (sound * 32_767).astype("<i2")
    began = time.monotonic()
    with suppress(BrokenPipeError), open(to, "wb", buffering=0) as pipe:
        for start in range(0, len(pcm), _STEP):
            pipe.write(pcm[start : start + _STEP].tobytes())
            due = began + (start + _STEP) / SAMPLE_RATE / SPEED
            time.sleep(max(0.0, due - time.monotonic()))


def record(home: Path, sound: np.ndarray) -> None:
    """Record sound as it comes, and tell after each step how much there was."""
    ring = RingBuffer(1 << 18)
    recorder = SessionRecorder(
        home, ring, source="drill", bundle="tiny", tags=TINY_TAGS, branches=("pitch",), hop=0.05,
        on_problem=sys.exit,
    )  # fmt: skip
    recorder.start()
    row = np.full(len(TINY_TAGS), 0.5, np.float32)
    began = time.monotonic()
    for start in range(0, len(sound), _STEP):
        ring.write(sound[start : start + _STEP])
        end = start + _STEP
        if end >= SAMPLE_RATE:
            recorder.add([WindowResult(end - SAMPLE_RATE, end, row, row[None], 0.0)])
        os.write(1, f"{end / SAMPLE_RATE:.2f}\n".encode())
        time.sleep(max(0.0, began + end / SAMPLE_RATE - time.monotonic()))


def repeat(what: Callable[[int], None], times: int, name: str) -> None:
    """Do something so many times, saying how far it is."""
    for number in range(times):
        what(number)
        if (number + 1) % 25 == 0:
            print(f"{name}: {number + 1} of {times}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.kill")
    parser.add_argument("--times", type=int, default=100, help="kills of each of the three")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    args = parser.parse_args()
    os.environ["EARMARK_TAUGHT"] = "off"
    with tempfile.TemporaryDirectory() as folder:
        drill = Drill(Path(folder), args.seed)
        try:
            repeat(drill.live, args.times, "live")
            repeat(drill.recording, args.times, "recording")
            drill.resume(args.times)
        except BrokenPromiseError as broken:
            print(f"broken: {broken}", file=sys.stderr)
            newest = max(drill.folder.rglob("said.log"), key=lambda log: log.stat().st_mtime)
            print(newest.read_text()[-2_000:], file=sys.stderr)
            return 1
    print(json.dumps(drill.counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
