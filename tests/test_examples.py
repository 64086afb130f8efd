"""Each example does what its first line says, on the demo clip."""

import csv
import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "assets" / "demo.flac"


def main_of(name: str) -> Callable[..., None]:
    main: Callable[..., None] = runpy.run_path(str(ROOT / "examples" / name))["main"]
    return main


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    samples, rate = soundfile.read(DEMO, start=7 * 16_000, frames=3 * 16_000)
    path = tmp_path / "sounds" / "dog.wav"
    path.parent.mkdir()
    soundfile.write(path, samples, rate)
    return path


def test_a_folder_becomes_one_csv_and_a_broken_file_is_named(
    dog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dog.parent / "broken.wav").write_bytes(b"no sound")
    main_of("tag_folder.py")(dog.parent, tmp_path / "tags.csv")
    with (tmp_path / "tags.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {"dog.wav"} == {row["file"] for row in rows}
    assert "Dog" in {row["tag"] for row in rows}
    assert "broken.wav" in capsys.readouterr().err


def test_a_folder_is_never_written_over_an_older_csv(dog: Path, tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("kept")
    with pytest.raises(FileExistsError):
        main_of("tag_folder.py")(dog.parent, tmp_path / "tags.csv")
    assert (tmp_path / "tags.csv").read_text() == "kept"


def test_a_stream_is_followed_from_where_a_tag_begins_to_where_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    beliefs = (0.1, 0.7, 0.8, 0.2)
    windows = [{"start": i / 10, "tags": {"Dog": p}} for i, p in enumerate(beliefs)]
    lines = [json.dumps(record) for record in (*windows, {"gap": True, "start": 0.5, "end": 1.0})]
    main_of("follow_stream.py")("Dog", lines)
    said = capsys.readouterr()
    assert said.out.splitlines() == ["0.1 s: Dog begins (70%)", "0.3 s: Dog ends (20%)"]
    assert "gap" in said.err


def test_embeddings_of_a_file_have_a_row_for_each_half_second(dog: Path, tmp_path: Path) -> None:
    main_of("embeddings.py")(dog, tmp_path / "dog.npy")
    embeddings = np.load(tmp_path / "dog.npy")
    assert embeddings.shape == (5, 4 * 64)
    assert np.isfinite(embeddings).all()
