"""Folders: several recordings at once, and a run that goes on after a kill."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine


@pytest.fixture
def folder(noise, tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    (folder / "night").mkdir(parents=True)
    for i in range(5):
        part = folder / "night" if i % 2 else folder
        soundfile.write(part / f"{i}.wav", noise(seconds=1.2 + 0.3 * i, seed=i), 16_000)
    return folder


def words(bundle: Path, *more: object) -> list[str]:
    options = ("--format", "jsonl", "--windows", "--hop", "0.5")
    return ["file", "--bundle", str(bundle), "--device", "cpu", *options, *map(str, more)]


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_no_result(tiny_bundle, noise, workers: int) -> None:
    sound = noise(seconds=31.7)
    engine = InferenceEngine(tiny_bundle)
    blocks = np.array_split(sound, 53)
    alone = list(analyse(blocks, engine, 1_600))
    together = list(analyse(blocks, engine, 1_600, workers=workers))
    assert [r.start_sample for r in together] == [r.start_sample for r in alone]
    for found, wanted in zip(together, alone, strict=True):
        np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=1e-4)


def test_whoever_takes_no_more_results_ends_the_workers(tiny_bundle, noise) -> None:
    results = analyse([noise(seconds=60)], InferenceEngine(tiny_bundle), 1_600, workers=2)
    assert next(results).start_sample == 0
    results.close()
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        next(analyse([], InferenceEngine(tiny_bundle), 1_600, workers=0))


@pytest.mark.parametrize("jobs", [1, 3])
def test_several_at_once_write_what_one_after_the_other_does(
    tiny_bundle_folder, folder, tmp_path, jobs: int
) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    plain = words(tiny_bundle_folder, folder, "--threads", 1, "--output", one)
    assert main(plain) == 0
    assert (
        main(words(tiny_bundle_folder, folder, "--threads", 3, "--jobs", jobs, "--output", many))
        == 0
    )
    found, wanted = contents(many), contents(one)
    assert list(found) == list(wanted)
    assert len(found) == 5
    for name in wanted:
        starts = [
            [json.loads(line)["start"] for line in text.splitlines()]
            for text in (found[name], wanted[name])
        ]
        assert starts[0] == starts[1]


def test_unreadable_file_among_several_is_named_and_the_others_written(
    tiny_bundle_folder, folder, tmp_path, capsys
) -> None:
    (folder / "2.wav").write_bytes(b"no sound")
    output = tmp_path / "out"
    assert main(words(tiny_bundle_folder, folder, "--jobs", 3, "--output", output)) == 1
    assert "2.wav is not an audio file" in capsys.readouterr().err
    assert len(contents(output)) == 4


def test_resumed_run_does_only_what_is_missing(
    tiny_bundle_folder, folder, tmp_path, capsys
) -> None:
    output = tmp_path / "out"
    command = words(tiny_bundle_folder, folder, "--output", output)
    assert main(command) == 0
    first = contents(output)
    (output / "night" / "3.wav.jsonl").unlink()
    (output / "0.wav.jsonl").write_text("done earlier\n")
    # What a kill leaves of a recording that was being written.
    (output / "night" / ".3.wav.jsonl.earmark-part").write_text('{"file": "cut')
    capsys.readouterr()
    assert main([*command, "--resume"]) == 0
    assert "4 of 5 are done" in capsys.readouterr().err
    assert contents(output) == {**first, "0.wav.jsonl": "done earlier\n"}


def test_killed_run_loses_and_repeats_nothing(tiny_bundle_folder, folder, noise, tmp_path) -> None:
    # Long enough to be killed in the middle of.
    soundfile.write(folder / "zz.wav", noise(seconds=900), 16_000)
    output = tmp_path / "out"
    command = words(tiny_bundle_folder, folder, "--threads", 1, "--output", output)
    with subprocess.Popen([sys.executable, "-m", "earmark", *command], env=os.environ) as process:
        part = output / ".zz.wav.jsonl.earmark-part"
        while not part.exists() or not part.stat().st_size:
            assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
    assert not (output / "zz.wav.jsonl").exists()
    finished = contents(output)
    (folder / "zz.wav").unlink()
    soundfile.write(folder / "zz.wav", noise(seconds=1.4), 16_000)
    assert main([*command, "--resume"]) == 0
    found = contents(output)
    assert len(found) == 6
    assert all(found[name] == text for name, text in finished.items() if "zz" not in name)
    assert all(json.loads(line) for text in found.values() for line in text.splitlines())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--resume"], "--resume needs --output"),
        (["--jobs", "-1"], "--jobs must be 0 or more, got -1"),
    ],
)
def test_wrong_usage_is_told(tiny_bundle_folder, folder, capsys, more, message) -> None:
    assert main(words(tiny_bundle_folder, folder, *more)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_name_that_is_not_utf_8_is_tagged_like_the_others(
    tiny_bundle_folder, folder, tmp_path, capsys, form: str
) -> None:
    os.rename(folder / "2.wav", os.fsencode(folder) + b"/2\xff.wav")
    bad = os.fsdecode(os.fsencode(folder) + b"/2\xff.wav")
    options = words(tiny_bundle_folder, folder, "--format", form)
    assert main(options) == 0
    text = capsys.readouterr().out
    text.encode("utf-8")
    if form == "jsonl":
        assert bad in {json.loads(line)["file"] for line in text.splitlines()}
    else:
        assert "2\\xff.wav" in text
    output = tmp_path / "out"
    assert main([*options, "--output", str(output)]) == 0
    assert sum(path.is_file() for path in output.rglob("*")) == 5


def test_name_of_a_failed_file_cannot_steer_the_terminal(
    tiny_bundle_folder, folder, capsys
) -> None:
    (folder / "6\x1b[31m.wav").write_bytes(b"no sound")
    assert main(words(tiny_bundle_folder, folder)) == 1
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "6\\x1b[31m.wav is not an audio file" in told
