"""A Ray of its own on this machine: two workers, one of which is killed."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pyarrow import parquet

from earmark.__main__ import main
from earmark.realtime.commands import file_by_ray
from earmark.realtime.files.ray import engine
from earmark.realtime.files.ray.block_tagger import BlockTagger
from earmark.realtime.files.ray.blocks import blocks_of

PROBABILITIES = ("probability", "pitch", "timbre", "waveform", "neuralogram")


def words(bundle: Path, *more: object) -> list[str]:
    options = ("--windows", "--all-tags", "--hop", "0.1", "--format", "parquet")
    return ["file", "--bundle", str(bundle), "--device", "cpu", *options, *map(str, more)]


def processes_with(variable: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it has ended, or is another user's
    return found


@pytest.mark.slow
def test_killed_worker_loses_and_repeats_nothing(
    tiny_bundle_folder, noise, tmp_path, wait_for
) -> None:
    folder, output, alone = tmp_path / "in", tmp_path / "out", tmp_path / "alone"
    folder.mkdir()
    for i in range(8):
        # Long enough to be killed in the middle of, and short ones.
        soundfile.write(folder / f"{i:02}.wav", noise(40 if i < 5 else 1.3, seed=i), 16_000)
    command = words(tiny_bundle_folder, folder, "--engine", "ray", "--jobs", 2, "--output", output)
    mark = f"EARMARK_TEST_MARK={tmp_path}"
    environment = {**os.environ, "EARMARK_TEST_MARK": str(tmp_path)}
    environment.pop("RAY_ADDRESS", None)
    with subprocess.Popen([sys.executable, "-m", "earmark", *command], env=environment) as process:
        while not (begun := list(output.glob("shard=*/.block-*.part"))):
            assert process.poll() is None, "it ended before a worker could be killed"
        os.kill(int(begun[0].name.split(".")[-2]), signal.SIGKILL)
        assert process.wait(timeout=120) == 0
    wait_for(lambda: not processes_with(mark))
    assert list(output.glob("shard=*/.*")) == []

    assert main(words(tiny_bundle_folder, folder, "--output", alone)) == 0
    tables = [parquet.read_table(alone / f"{i:02}.wav.parquet") for i in range(8)]
    wanted = [row for table in tables for row in table.to_pylist()]
    rows = parquet.read_table(output).to_pylist()
    found = sorted(rows, key=lambda row: (row["file"], row["start"]))
    assert len(found) == len(wanted)
    for name in ("file", "start", "end", "tag"):
        assert [row[name] for row in found] == [row[name] for row in wanted]
    for name in PROBABILITIES:
        one, other = ([row[name] for row in rows] for rows in (found, wanted))
        np.testing.assert_allclose(one, other, atol=1e-5)


def tag_here(inputs, job, *, workers, on_block) -> list[str]:
    tagger = BlockTagger(job)
    problems = []
    for block in blocks_of(inputs, workers=workers):
        told = tagger(block.as_row())
        problems += json.loads(told["problems"])
        on_block(told["count"])
    return problems


def test_resumed_archive_has_each_recording_once(
    tiny_bundle_folder, noise, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(file_by_ray, "tag_with_ray", tag_here)
    monkeypatch.chdir(tmp_path)
    folder, output = Path("in"), Path("out")
    folder.mkdir()
    soundfile.write(folder / "a.wav", noise(1.2), 16_000)
    (folder / "b.wav").write_bytes(b"no sound")
    options = ("--engine", "ray", "--jobs", 1, "--output", output)
    command = words(tiny_bundle_folder, folder, *options)
    assert main(command) == 1
    assert "b.wav is not an audio file" in capsys.readouterr().err
    assert main(command) == 1
    assert "use --resume to go on with it" in capsys.readouterr().err
    for name in ("b.wav", "c.wav"):
        soundfile.write(folder / name, noise(1.2), 16_000)
    assert main([*command, "--resume"]) == 0
    assert "1 of 3 are done" in capsys.readouterr().err
    rows = parquet.read_table(output).to_pylist()
    assert Counter(row["file"] for row in rows) == {
        str(folder / f"{name}.wav"): 3 * 5 for name in "abc"
    }
    assert main([*command, "--resume", "--threshold", "0.3"]) == 1
    assert "written with another earmark.listed, earmark.thresholds" in capsys.readouterr().err


def test_archive_that_is_done_starts_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(engine.ray, "init", lambda **options: pytest.fail("Ray was started"))
    assert engine.tag_with_ray([], None, workers=0) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["a.wav", "--engine", "ray", "--format", "csv"], "give --format parquet and --output"),
        (["a.wav", "--engine", "ray"], "give --format parquet and --output"),
        (["-", "--engine", "ray", "--output", "out"], "raw PCM needs --engine local"),
    ],
)
def test_what_does_not_go_with_ray_is_wrong_usage(
    tiny_bundle_folder, tmp_path, monkeypatch, capsys, more, message
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").touch()
    assert main(words(tiny_bundle_folder, *more)) == 2
    assert message in capsys.readouterr().err


def test_missing_ray_is_named(tiny_bundle_folder, tmp_path, monkeypatch, capsys) -> None:
    for name in ("commands.file_by_ray", "files.ray.engine"):
        monkeypatch.delitem(sys.modules, f"earmark.realtime.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(words(tiny_bundle_folder, tmp_path, "--engine", "ray", "--output", tmp_path)) == 1
    assert "--engine ray needs ray, which is not installed" in capsys.readouterr().err
