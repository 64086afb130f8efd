import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser

import numpy as np
import pytest
import soundfile

from earmark.models.errors import EarmarkError, UsageError
from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.commands.sink_options import clips
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.recording.clip_folder import ClipFolder
from earmark.realtime.recording.ledger import NAME
from earmark.realtime.recording.quota import Quota, QuotaFolder
from earmark.realtime.recording.recorder import ClipRecorder
from earmark.realtime.sinks.clips import ClipSink

BARK = TagEvent("Dog/Bark", 5.0, 6.5, 0.9, 0.8, "pitch")
STEP = 1 / 2**15  # of 16 bit


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != NAME)


@pytest.fixture
def record(noise, tmp_path):
    """Record clips of events into ``tmp_path / "clips"``; returns the sound and the problems."""

    def run(*events: TagEvent, seconds: float = 20.0, kept: int = 1 << 19, **settings: float):
        ring, problems, sound = RingBuffer(kept), [], noise(seconds)
        for block in np.split(sound, range(SAMPLE_RATE, len(sound), SAMPLE_RATE)):
            ring.write(block)
        folder = ClipFolder(tmp_path / "clips")
        recorder = ClipRecorder(folder, ring, on_problem=problems.append, **settings)
        recorder.add(list(events))
        recorder.start()
        recorder.close()
        return sound, problems

    return run


# What a clip holds


@pytest.mark.parametrize(("before", "after"), [(2.0, 2.0), (0.0, 0.0), (3.25, 0.0), (0.5, 7.0)])
def test_clip_has_what_came_before_and_after_to_the_sample(
    before: float, after: float, record, tmp_path
) -> None:
    sound, problems = record(BARK, before=before, after=after)
    (path,) = (tmp_path / "clips").iterdir()
    heard, rate = soundfile.read(path, dtype="float32")
    assert (rate, problems) == (SAMPLE_RATE, [])
    wanted = sound[round((5.0 - before) * rate) : round((6.5 + after) * rate)]
    np.testing.assert_allclose(heard, wanted, atol=STEP)


def test_clip_at_the_ends_of_a_stream_has_what_there_is(record, tmp_path) -> None:
    at_start, at_end = TagEvent("A", 0.5, 1.0, 1, 1, "pitch"), TagEvent("B", 19, 20, 1, 1, "pitch")
    sound, _ = record(at_start, at_end)
    first, last = (
        soundfile.read(p, dtype="float32")[0] for p in sorted((tmp_path / "clips").iterdir())
    )
    np.testing.assert_allclose(first, sound[: 3 * SAMPLE_RATE], atol=STEP)
    np.testing.assert_allclose(last, sound[17 * SAMPLE_RATE :], atol=STEP)


def test_event_longer_than_what_is_kept_gives_its_end(record, tmp_path) -> None:
    kept = 1 << 17  # 8.192 s
    sound, _ = record(TagEvent("Rain", 1.0, 19.0, 1, 1, "pitch"), kept=kept, after=1.0)
    (path,) = (tmp_path / "clips").iterdir()
    heard, _ = soundfile.read(path, dtype="float32")
    assert kept - SAMPLE_RATE <= len(heard) <= kept
    np.testing.assert_allclose(heard, sound[-len(heard) :], atol=STEP)


def test_clip_waits_for_what_comes_after_the_event(noise, tmp_path) -> None:
    ring = RingBuffer(1 << 19)
    recorder = ClipRecorder(ClipFolder(tmp_path), ring, on_problem=pytest.fail, after=2.0)
    recorder.add([BARK])
    ring.write(noise(8.5)[:-1])
    recorder._write_new()
    assert names(tmp_path) == []
    ring.write(noise(8.5)[-1:])
    recorder._write_new()
    assert soundfile.info(tmp_path / names(tmp_path)[0]).frames == round(5.5 * SAMPLE_RATE)


def test_live_clip_is_named_by_when_its_event_began_and_its_tag(make_stream, tmp_path) -> None:
    sink = ClipSink(ClipFolder(tmp_path), make_stream(("Dog",)), before=1.0, after=1.0)
    sink.take(TagEvent("Dog, Bark/Bow-wow", 5.25, 6.0, 0.9, 0.8, "pitch"))
    sink.close()
    assert names(tmp_path) == ["20270115T080005.250Z Dog, Bark_Bow-wow.flac"]


# Quota


def filled(path, quota: Quota, *clock: float, size: int = 1_000) -> QuotaFolder:
    """Save a clip at each time of a made-up clock, and tidy after each."""
    now = [0.0]
    folder = QuotaFolder(path, quota, now=lambda: now[0])
    for number, now[0] in enumerate(clock):
        folder.save(f"clip {number}", bytes(size))
        folder.tidy()
    return folder


def test_beyond_the_size_the_oldest_go_first(tmp_path) -> None:
    filled(tmp_path, Quota(size=3_500), *range(6))
    assert names(tmp_path) == ["clip 3.flac", "clip 4.flac", "clip 5.flac"]


def test_newest_stays_even_if_it_is_beyond_the_quota_alone(tmp_path) -> None:
    filled(tmp_path, Quota(size=10, age=1e-9), 4e9, 5e9, 6e9)
    assert names(tmp_path) == ["clip 2.flac"]


def test_beyond_the_age_clips_go_without_a_new_one(tmp_path) -> None:
    now = [0.0]
    folder = QuotaFolder(tmp_path, Quota(age=60.0), now=lambda: now[0])
    for name in ("a", "b", "c"):
        folder.save(name, b"sound")
    written = [(tmp_path / f"{name}.flac").stat().st_mtime for name in ("a", "b", "c")]
    now[0] = written[0] + 59.0
    folder.tidy()
    assert len(names(tmp_path)) == 3
    now[0] = written[-1] + 61.0
    folder.tidy()
    assert names(tmp_path) == ["c.flac"]


def test_files_of_others_are_never_removed_whatever_they_are_called(tmp_path) -> None:
    (tmp_path / "20200101T000000.000Z Dog.flac").write_bytes(bytes(9_000))
    (tmp_path / ".20200101T000000.000Z Dog.flac.part").write_bytes(bytes(9_000))
    (tmp_path / "notes.txt").write_text("mine")
    folder = filled(tmp_path, Quota(size=2_500), 0, 1)
    shutil.copy2(tmp_path / "clip 0.flac", tmp_path / "copy of it.flac")
    (tmp_path / "clip 1.flac").write_bytes(b"cut to the best part by hand")
    for name in ("clip 2", "clip 3", "clip 4"):
        folder.save(name, bytes(1_000))
        folder.tidy()
    assert names(tmp_path) == [
        ".20200101T000000.000Z Dog.flac.part",
        "20200101T000000.000Z Dog.flac",
        "clip 1.flac",
        "clip 3.flac",
        "clip 4.flac",
        "copy of it.flac",
        "notes.txt",
    ]


def test_ledger_cannot_name_a_file_outside_the_folder(tmp_path) -> None:
    inside, outside = tmp_path / "clips", tmp_path / "mine.flac"
    inside.mkdir()
    outside.write_bytes(b"sound")
    found = outside.stat()
    line = f'{{"name": "../mine.flac", "size": 5, "changed": {found.st_mtime_ns}}}\n'
    (inside / NAME).write_text(line + '{"unfinished": "../mine.flac"}\n')
    folder = QuotaFolder(inside, Quota(size=1))
    folder.save("a", b"sound")
    folder.tidy()
    assert outside.exists()


@pytest.mark.parametrize(
    "line",
    [
        '{"name": 5, "size": 5, "changed": 5}',
        '{"name": null, "size": 5, "changed": 5}',
        '{"name": "a\\u0000.flac", "size": 5, "changed": 5}',
        '{"name": "\\ud800.flac", "size": 5, "changed": 5}',
        '{"name": ["a.flac"], "size": 5, "changed": 5}',
        '{"unfinished": "\\u0000.part"}',
        '{"unfinished": "\\ud800.part"}',
        '["unfinished"]',
        "5",
        "null",
        "[" * 100,
        '"unfinished"',
    ],
)
def test_damaged_line_of_a_ledger_costs_no_other_clip(line, tmp_path) -> None:
    filled(tmp_path, Quota(), *range(3)).close()
    with (tmp_path / NAME).open("a") as ledger:
        ledger.write(line + "\n")
    folder = filled(tmp_path, Quota(size=2_000))
    folder.tidy()
    assert names(tmp_path) == ["clip 1.flac", "clip 2.flac"]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_ledger_that_is_no_file_is_told_and_not_waited_for(make, tmp_path) -> None:
    make(tmp_path / NAME)
    with pytest.raises(EarmarkError, match=f"{NAME} in it is not a file"):
        QuotaFolder(tmp_path, Quota())


def test_clip_whose_name_is_not_utf_8_is_listed_and_known_again(tmp_path) -> None:
    name = os.fsdecode(b"\xff")
    folder = QuotaFolder(tmp_path, Quota())
    for clip in (name, "b"):
        folder.save(clip, bytes(1_000))
    folder.close()
    folder = QuotaFolder(tmp_path, Quota(size=1_000))
    folder.tidy()
    assert names(tmp_path) == ["b.flac"]


def test_quota_counts_the_clips_of_earlier_runs_and_not_those_removed_by_hand(tmp_path) -> None:
    filled(tmp_path, Quota(), *range(4)).close()
    (tmp_path / "clip 3.flac").unlink()
    folder = QuotaFolder(tmp_path, Quota(size=3_000))
    assert names(tmp_path) == ["clip 0.flac", "clip 1.flac", "clip 2.flac"]
    folder.save("clip 4", bytes(1_000))
    folder.tidy()
    assert names(tmp_path) == ["clip 1.flac", "clip 2.flac", "clip 4.flac"]


def test_ledger_does_not_grow_with_what_is_gone(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("earmark.realtime.recording.ledger._MOST_STALE", 10)
    filled(tmp_path, Quota(size=2_000), *range(40))
    assert len((tmp_path / NAME).read_text().split()) < 40 * 3
    assert names(tmp_path) == ["clip 38.flac", "clip 39.flac"]


# Whatever happens

KILLED = """
import os, sys, signal
from pathlib import Path
from earmark.realtime.recording import quota
calls, deadly = 0, int(sys.argv[2])
def counted(call):
    def run(*args, **named):
        global calls
        calls += 1
        if calls == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **named)
    return run
os.fsync = counted(os.fsync)
Path.rename = counted(Path.rename)
Path.open = counted(Path.open)
Path.unlink = counted(Path.unlink)
clips = quota.QuotaFolder(Path(sys.argv[1]), quota.Quota(size=2_500))
for number in range(4):
    clips.save(f"clip {number}", bytes(1_000))
    clips.tidy()
    print(number, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_step_leaves_no_torn_clip_and_nothing_behind(tmp_path) -> None:
    (tmp_path / "mine.flac").write_bytes(b"mine")
    deadly, is_over = 1, False
    while not is_over:
        folder = tmp_path / f"{deadly}"
        command = [sys.executable, "-c", KILLED, folder, str(deadly)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        is_over = done.returncode == 0
        assert done.returncode in (0, -9), done.stderr
        told = [f"clip {n}.flac" for n in done.stdout.split()][-2:]
        whole = [path for path in folder.glob("*.flac") if not path.name.startswith(".")]
        assert all(path.read_bytes() == bytes(1_000) for path in whole)
        assert set(told[-1:]) <= {path.name for path in whole}
        QuotaFolder(folder, Quota(size=1)).close()
        # What is left of the killed run is known: all but the newest clip can be removed.
        assert len(names(folder)) <= 1, deadly
        assert names(folder) == [path.name for path in whole if path.exists()]
        deadly += 3
    assert deadly > 20


def test_full_disk_is_told_once_and_the_clip_is_written_when_there_is_room(
    noise, tmp_path, monkeypatch
) -> None:
    ring, problems, full = RingBuffer(1 << 19), [], [True]
    ring.write(noise(20.0))
    fsync = os.fsync

    def no_room(file: int) -> None:
        if full:
            raise OSError(28, "No space left on device")
        fsync(file)

    folder = QuotaFolder(tmp_path, Quota())
    recorder = ClipRecorder(folder, ring, on_problem=problems.append, retry=0.0)
    monkeypatch.setattr(os, "fsync", no_room)
    recorder.add([BARK, TagEvent("Rain", 8.0, 9.0, 0.9, 0.8, "pitch")])
    for _ in range(5):
        recorder._write_new()
    assert len(problems) == 1
    assert "No space left" in problems[0]
    assert names(tmp_path) == []
    full.clear()
    recorder._write_new()
    assert problems[1:] == ["clips are written again; 0 are lost"]
    assert len(names(tmp_path)) == recorder.clips == 2
    for path in tmp_path.glob("*.flac"):
        assert soundfile.info(path).frames >= 5 * SAMPLE_RATE


def test_clips_leave_the_rest_of_a_disk_to_others(tmp_path, monkeypatch) -> None:
    folder, usage = QuotaFolder(tmp_path, Quota()), shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10_000_100))
    with pytest.raises(OSError, match="less than 10 MB would be free"):
        folder.save("a", bytes(101))
    assert names(tmp_path) == []
    folder.save("a", bytes(100))
    assert names(tmp_path) == ["a.flac"]


def test_folder_that_goes_away_is_not_made_anew_and_what_is_lost_is_counted(
    noise, tmp_path
) -> None:
    ring, problems = RingBuffer(1 << 17), []
    ring.write(noise(8.0))
    path = tmp_path / "stick"
    recorder = ClipRecorder(QuotaFolder(path, Quota()), ring, on_problem=problems.append, retry=0.0)
    path.rename(tmp_path / "pulled out")
    recorder.add([TagEvent("A", 2.0, 3.0, 0.9, 0.8, "pitch")])
    recorder._write_new()
    for _ in range(9):
        ring.write(noise(1.0))
    recorder.add([TagEvent("B", 12.0, 13.0, 0.9, 0.8, "pitch")])
    recorder._write_new()
    assert not path.exists()
    (tmp_path / "pulled out").rename(path)
    recorder._write_new()
    assert [name[-6:] for name in names(path)] == ["B.flac"]
    assert problems[1:] == ["clips are written again; 1 are lost"]


def test_second_process_is_refused_and_the_folder_is_free_after_the_first(tmp_path) -> None:
    first = QuotaFolder(tmp_path, Quota())
    with pytest.raises(EarmarkError, match="another Earmark writes clips"):
        QuotaFolder(tmp_path, Quota())
    first.close()
    first.close()
    QuotaFolder(tmp_path, Quota()).close()


# Options


def test_options_become_a_folder_with_its_quota(make_stream, tmp_path) -> None:
    parser = ArgumentParser()
    clips.add_arguments(parser)
    stream = make_stream(("Dog",))
    assert clips.open_sink(parser.parse_args([]), stream) is None
    words = ["--clips", str(tmp_path / "c"), "--clips-max-size", "1.5MB", "--clips-max-age", "2d"]
    args = parser.parse_args(words)
    assert (args.clips_max_size, args.clips_max_age) == (1_500_000, 172_800.0)
    assert parser.parse_args([]).clips_max_size == 10**9
    assert parser.parse_args(["--clips-max-size", "none"]).clips_max_size is None
    clips.open_sink(args, stream).close()
    assert (tmp_path / "c").is_dir()
    args.clips_before = 61.0
    with pytest.raises(UsageError, match=r"--clips-before must lie between 0 and 60 s, got 61\.0"):
        clips.open_sink(args, stream)
