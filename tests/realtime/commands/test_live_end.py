"""``earmark live`` as a service: it ends when it is told to, with everything written."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import soundfile

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.commands.graceful_exit import Farewell


@pytest.fixture
def street(noise, tmp_path: Path) -> Path:
    """A minute of sound: who ends before it was told to."""
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=60.0), SAMPLE_RATE)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_live_leaves_within_two_seconds_with_all_sinks_closed(
    number, street, tiny_bundle_folder, tmp_path
) -> None:
    history, clips = tmp_path / "night.db", tmp_path / "clips"
    words = ["live", street, "--bundle", tiny_bundle_folder, "--device", "cpu", "--hop", "0.5"]
    words += ["--threshold", "0.01", "--format", "jsonl", "--serve", "0"]
    words += ["--history", history, "--clips", clips, "--osc", "127.0.0.1:9"]
    # Nobody answers there: neither of the two may hold up the end.
    words += ["--webhook", "http://127.0.0.1:9/", "--mqtt", "mqtt://127.0.0.1:9"]
    live = subprocess.Popen(
        [sys.executable, "-m", "earmark", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    windows = [json.loads(live.stdout.readline()) for _ in range(4)]
    with closing(sqlite3.connect(history)) as looking:
        # All tags sound, and go on: their events are complete only when it ends.
        assert looking.execute("SELECT count(*) FROM events").fetchone() == (0,)
    live.send_signal(number)
    told = time.monotonic()
    status = live.wait(timeout=30)
    took = time.monotonic() - told
    output, errors = live.communicate(timeout=10)
    assert status == 0, errors
    assert took < 2, errors
    assert ": ended" in errors
    assert " skipped, " in errors  # the summary, which is the last that it says
    assert output.endswith("\n") or not output
    with closing(sqlite3.connect(history)) as looking:
        kept = looking.execute("SELECT tag FROM events").fetchall()
    assert {tag for (tag,) in kept} == set(windows[0]["tags"])
    assert len(kept) == len(list(clips.glob("*.flac"))) == 5


def test_first_signal_is_noted_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Farewell() as farewell:
        assert not farewell.is_said
        signal.raise_signal(signal.SIGTERM)
        assert farewell.is_said
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
