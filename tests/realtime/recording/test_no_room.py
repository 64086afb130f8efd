"""Full disks, folders that go away and readers that leave, as the commands meet them."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.errors import AudioError, OutputError
from earmark.realtime.audio.ring_buffer import RingBuffer
from earmark.realtime.audio.spooled_sound import SpooledSound
from earmark.realtime.files.inputs import InputFile
from earmark.realtime.files.outputs import Outputs
from earmark.realtime.recording.recorder import SessionRecorder
from earmark.realtime.recording.session_file import SavedSession

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let writing fail beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def sounds(noise, tmp_path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number, seconds in enumerate((1.2, 4.0, 1.4)):
        soundfile.write(folder / f"{number}.wav", noise(seconds=seconds), 16_000)
    return folder


@pytest.fixture
def run(tiny_bundle_folder) -> Callable[..., int]:
    def command(name: str, *words: object) -> int:
        model = ("--bundle", tiny_bundle_folder, "--device", "cpu")
        return main([name, *map(str, (*words, *model))])

    return command


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_file_to_a_full_standard_output_is_told_in_one_line(
    run, sounds, form, monkeypatch, capsys
) -> None:
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("file", sounds / "0.wav", "--windows", "--format", form) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == [f"earmark: cannot write {FULL}: No space left on device"]


def test_what_a_command_draws_on_a_full_standard_output_is_told_in_one_line(
    tiny_bundle_folder,
) -> None:
    with FULL.open("w") as full:
        done = ended("info", tiny_bundle_folder, stdout=full, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "earmark: No space left on device"
    assert "Traceback" not in done.stderr


def test_live_with_nobody_left_to_tell_ends(run, sounds, monkeypatch, capsys) -> None:
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("live", sounds / "1.wav", "--format", "jsonl") == 1
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == f"earmark: cannot write {FULL}: No space left on device"


def test_live_goes_on_for_its_history_when_standard_output_is_full(
    run, sounds, tmp_path, monkeypatch, caplog
) -> None:
    history = tmp_path / "night.db"
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("live", sounds / "0.wav", "--format", "jsonl", "--history", history) == 0
    assert caplog.text.count("No space left on device") == 1
    with closing(sqlite3.connect(history)) as connection:
        assert connection.execute("SELECT count(*) FROM minutes").fetchone()[0] >= 1


def test_full_disk_names_each_file_and_leaves_none_half_written(
    run, sounds, tmp_path, capsys
) -> None:
    output = tmp_path / "tagged"
    words = (sounds, "--windows", "--format", "jsonl", "--output", output)
    with files_of_at_most(6_000):
        assert run("file", *words) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == [f"earmark: cannot write {output / '.1.wav.jsonl.earmark-part'}: File too large"]
    assert sorted(path.name for path in output.iterdir()) == ["0.wav.jsonl", "2.wav.jsonl"]
    # With room again, what is missing is written.
    assert run("file", *words, "--resume") == 0
    assert len((output / "1.wav.jsonl").read_text().splitlines()) == 31


def test_output_folder_that_goes_away_is_told_by_the_name_of_the_file(tmp_path) -> None:
    item = InputFile("a.wav", None, Path("a.wav"))
    with (
        Outputs("jsonl", "windows", folder=tmp_path / "gone", overwrite=False) as outputs,
        pytest.raises(OutputError, match=r"cannot write .*a\.wav\.jsonl: No such file"),
        outputs.writer_for(item),
    ):
        shutil.rmtree(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_output_folder_that_is_a_file_is_told(run, sounds, tmp_path, capsys) -> None:
    (tmp_path / "taken").write_text("")
    assert run("file", sounds / "0.wav", "--output", tmp_path / "taken") == 1
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["file", "live"])
def test_reader_that_leaves_ends_a_command_quietly(
    command, sounds, tiny_bundle_folder, tmp_path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [command, sounds / "1.wav", "--bundle", tiny_bundle_folder, "--device", "cpu"]
    words += ["--format", "jsonl"] + (["--windows"] if command == "file" else [])
    done = subprocess.run(
        [sys.executable, "-m", "earmark", *map(str, words)],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


def test_recording_to_a_full_disk_keeps_what_there_was_room_for(noise, tmp_path, wait_for) -> None:
    ring, problems = RingBuffer(1 << 18), []
    recorder = SessionRecorder(
        tmp_path / "night", ring, source="desk", bundle="tiny", tags=("Dog",),
        branches=("pitch",), hop=0.1, on_problem=problems.append,
    )  # fmt: skip
    samples = noise(seconds=10.0)
    ring.write(samples)
    with files_of_at_most(100_000):
        recorder.start()
        wait_for(lambda: problems)
    recorder.close()
    assert len(problems) == 1
    assert f"recording to {tmp_path / 'night'} has stopped" in problems[0]
    sound = SpooledSound()
    with pytest.raises(AudioError, match="breaks off"):
        list(SavedSession(tmp_path / "night").results(sound))
    assert sound.written > 2 * 16_000
    heard = sound.read(0, sound.written)
    np.testing.assert_allclose(heard, samples[: len(heard)], atol=1 / 2**15)
    sound.close()


def test_one_full_file_among_many_that_are_written_at_once_takes_no_other_with_it(
    run, sounds, tmp_path, capsys
) -> None:
    output = tmp_path / "tagged"
    words = (sounds, "--windows", "--format", "csv", "--output", output, "--jobs", "3")
    with files_of_at_most(6_000):
        assert run("file", *words) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == [f"earmark: cannot write {output / '.1.wav.csv.earmark-part'}: File too large"]
    assert sorted(path.name for path in output.iterdir()) == ["0.wav.csv", "2.wav.csv"]


def ended(*words: object, **streams: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "earmark", *map(str, words)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **streams)


@pytest.mark.parametrize("command", ["info", "live"])
def test_program_without_a_standard_output_ends_as_it_would_with_one(
    command, sounds, tiny_bundle_folder
) -> None:
    bundle = ("--bundle", tiny_bundle_folder, "--device", "cpu")
    words = [sounds / "0.wav", "--format", "jsonl", *bundle]
    shown = [tiny_bundle_folder] if command == "info" else words
    done = ended(command, *shown, preexec_fn=lambda: os.close(1))
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
