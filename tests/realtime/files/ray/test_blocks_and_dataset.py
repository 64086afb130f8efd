import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pyarrow import parquet

from earmark.models.errors import BundleError, EarmarkError
from earmark.realtime.detection.events import EventSettings, TagEvent
from earmark.realtime.files.inputs import InputFile
from earmark.realtime.files.ray import blocks
from earmark.realtime.files.ray.block_tagger import ArchiveJob, BlockTagger
from earmark.realtime.files.ray.blocks import blocks_of
from earmark.realtime.files.ray.dataset import ArchiveDataset
from earmark.realtime.files.record_maker import RecordOptions
from earmark.realtime.files.records import TagChoice, event_record

MADE_BY = {"earmark.bundle": "tiny", "earmark.hop": "0.1"}


def inputs(count: int, folder: Path = Path()) -> list[InputFile]:
    names = [f"{i}.wav" for i in range(count)]
    return [InputFile(name, folder / name, Path(name)) for name in names]


def dog(file: str) -> object:
    return event_record(file, TagEvent("Dog", 0.5, 1.5, 0.75, 0.5, "pitch"))


@pytest.fixture
def dataset(tmp_path: Path) -> ArchiveDataset:
    dataset = ArchiveDataset(tmp_path / "out", "events", MADE_BY)
    dataset.prepare(resume=False, overwrite=False)
    return dataset


@pytest.mark.parametrize(("count", "workers"), [(0, 2), (1, 4), (7, 2), (100, 3), (5_000, 1)])
def test_blocks_hold_each_recording_once_in_order(count: int, workers: int) -> None:
    given = inputs(count)
    made = list(blocks_of(given, workers=workers))
    assert [item for block in made for item in block.items] == given
    assert all(1 <= len(block.items) <= blocks.MOST_RECORDINGS for block in made)
    assert len(made) >= min(count, 4 * workers)
    assert len({block.name for block in made}) == len(made)


def test_large_recordings_fill_a_block_by_themselves(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(blocks, "MOST_BYTES", 1_000)
    given = inputs(40, tmp_path)
    for i, item in enumerate(given):
        item.path.write_bytes(bytes(1_000 if i == 4 else 300))
    given[6].path.unlink()
    sizes = [len(block.items) for block in blocks_of(given, workers=1)]
    # Four of 300 bytes, one of 1,000, and five one of which is not there.
    assert sizes[:3] == [4, 1, 5]


def test_same_recordings_have_the_same_name_and_others_another() -> None:
    (first,) = blocks_of(inputs(1), workers=1)
    (again,) = blocks_of(inputs(1), workers=8)
    assert first.name == again.name
    assert first.name != next(blocks_of(inputs(2)[1:], workers=1)).name


def test_complete_blocks_are_one_data_set_with_its_origin(dataset) -> None:
    for name, file in (("aa1", "a.wav"), ("bb2", "b.wav")):
        complete: list[str] = []
        with dataset.written_block(name, complete) as writer:
            writer.write(dog(file))
            complete.append(file)
    assert sorted(parquet.read_table(dataset.folder).column("file").to_pylist()) == [
        "a.wav",
        "b.wav",
    ]
    assert dataset.recordings() == {"a.wav", "b.wav"}
    assert json.loads((dataset.folder / "_earmark.json").read_text()) == MADE_BY
    schema = parquet.read_schema(dataset.folder / "shard=aa" / "block-aa1.parquet")
    assert schema.metadata[b"earmark.bundle"] == b"tiny"


def test_block_that_fails_leaves_nothing(dataset) -> None:
    def fail() -> None:
        with dataset.written_block("aa1", []) as writer:
            writer.write(dog("a.wav"))
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fail()
    assert list(dataset.folder.rglob("*block*")) == []


def test_what_killed_processes_leave_is_no_part_of_the_data_set(dataset) -> None:
    with dataset.written_block("aa1", ["a.wav"]) as writer:
        writer.write(dog("a.wav"))
    left = dataset.folder / "shard=aa" / ".block-aa2.77.part"
    left.write_bytes(b"PAR1 cut")
    assert parquet.read_table(dataset.folder).num_rows == 1
    assert dataset.recordings() == {"a.wav"}
    dataset.prepare(resume=True, overwrite=False)
    assert not left.exists()


def test_block_written_twice_is_there_once(dataset) -> None:
    for _ in range(2):
        with dataset.written_block("aa1", ["a.wav"]) as writer:
            writer.write(dog("a.wav"))
    assert parquet.read_table(dataset.folder).num_rows == 1


def test_data_set_is_neither_mixed_nor_replaced_unless_asked(dataset) -> None:
    with dataset.written_block("aa1", ["a.wav"]) as writer:
        writer.write(dog("a.wav"))
    with pytest.raises(EarmarkError, match="use --resume to go on with it"):
        dataset.prepare(resume=False, overwrite=False)
    other = ArchiveDataset(dataset.folder, "events", {**MADE_BY, "earmark.hop": "1.0"})
    with pytest.raises(EarmarkError, match=r"written with another earmark\.hop;"):
        other.prepare(resume=True, overwrite=False)
    assert dataset.recordings() == {"a.wav"}
    (dataset.folder / "mine.parquet").touch()
    other.prepare(resume=False, overwrite=True)
    assert other.recordings() == set()
    assert (dataset.folder / "mine.parquet").exists()


def test_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(EarmarkError, match=r"cannot write to .*out"):
        ArchiveDataset(tmp_path / "out", "events", {}).prepare(resume=False, overwrite=False)


def test_torn_file_is_named(dataset) -> None:
    (dataset.folder / "shard=aa").mkdir()
    (dataset.folder / "shard=aa" / "block-aa1.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(EarmarkError, match=r"block-aa1\.parquet is no Parquet file"):
        dataset.recordings()


@pytest.fixture
def job(tiny_bundle, tiny_bundle_folder, dataset) -> ArchiveJob:
    names = tiny_bundle.metadata.vocabulary.names
    options = RecordOptions(
        kind="events",
        choice=TagChoice(names, tuple(tiny_bundle.branches)),
        thresholds=np.full(len(names), 0.01, np.float32),
        settings=EventSettings(),
        hop_samples=8_000,
    )
    return ArchiveJob(
        bundle=tiny_bundle_folder,
        checksum=tiny_bundle.checksum,
        device="cpu",
        precision="mixed",
        options=options,
        dataset=dataset,
        threads=1,
    )


def test_worker_writes_what_can_be_read_and_tells_of_the_rest(job, noise, tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(2.2), 16_000)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    paths = [(name, str(tmp_path / name)) for name in ("a.wav", "b.wav")]
    told = BlockTagger(job)({"block": "aa1", "recordings": json.dumps(paths)})
    assert told["count"] == 2
    (problem,) = json.loads(told["problems"])
    assert "b.wav is not an audio file" in problem
    # What could not be read is tried again by the next run.
    assert job.dataset.recordings() == {"a.wav"}
    rows = parquet.read_table(job.dataset.folder).to_pylist()
    assert {row["file"] for row in rows} == {"a.wav"}


def test_worker_refuses_another_bundle(job) -> None:
    with pytest.raises(BundleError, match="tiny differs between machines"):
        BlockTagger(replace(job, checksum="0" * 64))
