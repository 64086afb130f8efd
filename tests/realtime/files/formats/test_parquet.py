"""Parquet files, read back by Arrow itself."""

import gc
import hashlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

from earmark.__main__ import main
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import EarmarkError, UsageError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.formats.file import written_file
from earmark.realtime.files.formats.writer import check_installed, open_writer
from earmark.realtime.files.records import TagChoice, event_record, window_record

TEXT, SECONDS, PROBABILITY = pa.string(), pa.float64(), pa.float32()
BELIEFS = dict.fromkeys(("probability", *BRANCH_NAMES), PROBABILITY)
COLUMNS = {
    "events": {
        "file": TEXT,
        "start": SECONDS,
        "end": SECONDS,
        "tag": TEXT,
        "peak": PROBABILITY,
        "mean": PROBABILITY,
        "branch": TEXT,
    },
    "windows": {"file": TEXT, "start": SECONDS, "end": SECONDS, "tag": TEXT, **BELIEFS},
    "clip": {"file": TEXT, "duration": SECONDS, "tag": TEXT, **BELIEFS},
}


@pytest.fixture
def folder(noise, tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(3):
        soundfile.write(folder / f"{i}.wav", noise(seconds=1.2 + i, seed=i), 16_000)
    return folder


def words(bundle: Path, folder: Path, *more: object) -> list[str]:
    return ["file", "--bundle", str(bundle), "--device", "cpu", str(folder), *map(str, more)]


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_are_typed_even_where_there_is_no_record(tmp_path, kind: str) -> None:
    path = tmp_path / "empty.parquet"
    with written_file("parquet", path, kind, {}):
        pass
    table = parquet.read_table(path)
    assert table.num_rows == 0
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == COLUMNS[kind]


def test_events_are_read_back_in_their_order(tmp_path) -> None:
    told = [
        event_record("ä,b.wav", TagEvent("Baby cry, infant cry", 1.25, 2, 0.75, 0.5, "timbre")),
        event_record("ä,b.wav", TagEvent("Dog", 0.5, 3, 0.25, 0.125, "pitch")),
    ]
    with written_file("parquet", tmp_path / "a.parquet", "events", {"made.by": "tést"}) as writer:
        for record in told:
            writer.write(record)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert [dict(row) for row in table.to_pylist()] == told
    assert table.schema.metadata[b"made.by"].decode() == "tést"


def test_many_rows_are_written_in_groups(tmp_path) -> None:
    choice = TagChoice([f"tag {i}" for i in range(500)], BRANCH_NAMES, every=True)
    row = np.linspace(0, 1, 500, dtype=np.float32)
    with written_file("parquet", tmp_path / "a.parquet", "windows", {}) as writer:
        for i in range(150):
            start = i * 1_600
            result = WindowResult(start, start + 16_000, row, np.stack([row] * 4), 0.0)
            writer.write(window_record("a.wav", result, choice))
    described = parquet.ParquetFile(tmp_path / "a.parquet").metadata
    assert described.num_rows == 75_000
    assert described.num_row_groups == 2


@pytest.mark.parametrize("kind", COLUMNS)
def test_parquet_holds_what_json_lines_do(
    tiny_bundle_folder, folder, tmp_path, capsys, kind: str
) -> None:
    options = (f"--{kind}", "--hop", "0.5", "--threshold", "0.4")
    output = tmp_path / "out"
    assert (
        main(words(tiny_bundle_folder, folder, *options, "--format", "parquet", "--output", output))
        == 0
    )
    capsys.readouterr()
    assert main(words(tiny_bundle_folder, folder, *options, "--format", "jsonl")) == 0
    wanted = []
    for record in map(json.loads, capsys.readouterr().out.splitlines()):
        if kind == "events":
            wanted.append(record)
            continue
        tags, branches = record.pop("tags"), record.pop("branches")
        wanted += [
            {**record, "tag": tag, "probability": p, **{b: branches[b][tag] for b in BRANCH_NAMES}}
            for tag, p in tags.items()
        ]
    found = [
        row for i in range(3) for row in parquet.read_table(output / f"{i}.wav.parquet").to_pylist()
    ]
    assert wanted
    assert len(found) == len(wanted)
    for row, record in zip(found, wanted, strict=True):
        numbers = {name for name, value in record.items() if isinstance(value, float)}
        assert {name: row[name] for name in row if name not in numbers} == {
            name: record[name] for name in record if name not in numbers
        }
        for name in numbers:
            # The two runs may tag in other batches.
            assert row[name] == pytest.approx(record[name], abs=1e-4)


def test_file_says_what_made_it(tiny_bundle_folder, folder, tmp_path) -> None:
    output = tmp_path / "out"
    command = words(tiny_bundle_folder, folder, "--format", "parquet", "--hop", "0.25")
    assert (
        main([*command, "--tags", "Dog,Rain", "--threshold", "0.4", "--output", str(output)]) == 0
    )
    told = {
        key.decode(): value.decode()
        for key, value in parquet.read_schema(output / "0.wav.parquet").metadata.items()
        if key.startswith(b"earmark.")
    }
    assert told["earmark.bundle"] == "tiny"
    made_of = (tiny_bundle_folder / "bundle.json").read_bytes()
    assert told["earmark.bundle_sha256"] == hashlib.sha256(made_of).hexdigest()
    assert told["earmark.kind"] == "events"
    assert float(told["earmark.hop"]) == 0.25
    assert json.loads(told["earmark.thresholds"]) == {"Dog": 0.4, "Rain": 0.4}
    assert json.loads(told["earmark.events"])["merge_gap"] == 0.5
    assert "earmark.version" in told


def test_resumed_run_writes_only_what_is_missing(
    tiny_bundle_folder, folder, tmp_path, capsys
) -> None:
    output = tmp_path / "out"
    command = words(tiny_bundle_folder, folder, "--format", "parquet", "--output", output)
    assert main(command) == 0
    (output / "1.wav.parquet").unlink()
    (output / ".1.wav.parquet.earmark-part").write_bytes(b"PAR1 cut short")
    before = {path.name: path.stat().st_mtime_ns for path in output.glob("*.parquet")}
    capsys.readouterr()
    assert main([*command, "--resume"]) == 0
    assert "2 of 3 are done" in capsys.readouterr().err
    assert sorted(path.name for path in output.iterdir()) == [f"{i}.wav.parquet" for i in range(3)]
    for name, written in before.items():
        assert (output / name).stat().st_mtime_ns == written
    parquet.read_table(output / "1.wav.parquet")


def test_file_of_a_recording_that_failed_is_not_there(
    tiny_bundle_folder, folder, tmp_path, capsys
) -> None:
    (folder / "1.wav").write_bytes(b"no sound")
    output = tmp_path / "out"
    command = words(tiny_bundle_folder, folder, "--format", "parquet", "--output", output)
    assert main(command) == 1
    assert "1.wav is not an audio file" in capsys.readouterr().err
    assert sorted(path.name for path in output.iterdir()) == ["0.wav.parquet", "2.wav.parquet"]


def test_error_closes_what_was_begun(tmp_path) -> None:
    # A writer that is left open complains when it is collected.
    with (
        pytest.raises(RuntimeError, match="interrupted"),
        written_file("parquet", tmp_path / "a.parquet", "events", {}),
    ):
        raise RuntimeError("interrupted")
    gc.collect()


def test_parquet_goes_to_files_only(tiny_bundle_folder, folder, capsys) -> None:
    assert main(words(tiny_bundle_folder, folder, "--format", "parquet")) == 2
    assert "--format parquet needs --output" in capsys.readouterr().err
    with pytest.raises(UsageError, match="parquet is no text"):
        open_writer("parquet", io.StringIO(), "events")


def test_missing_package_is_named(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "earmark.realtime.files.formats.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EarmarkError, match=r"pip install 'earmark\[parquet\]'"):
        check_installed("parquet")
