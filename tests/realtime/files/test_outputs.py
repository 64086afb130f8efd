from pathlib import Path

import pytest

from earmark.models.errors import OutputError
from earmark.realtime.files.inputs import InputFile
from earmark.realtime.files.outputs import Outputs

ITEM = InputFile("x.wav", Path("x.wav"), Path("x.wav"))


def outputs(folder: Path) -> Outputs:
    return Outputs("jsonl", "events", folder=folder, overwrite=False)


def test_files_of_others_called_part_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "x.wav.jsonl.part").write_text("precious")
    with outputs(tmp_path) as opened, opened.writer_for(ITEM) as writer:
        writer.write({"file": "x.wav"})
    assert (tmp_path / "x.wav.jsonl.part").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 2


def test_link_with_the_name_of_an_unfinished_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".x.wav.jsonl.earmark-part").symlink_to(precious)
    with outputs(tmp_path / "out") as opened, opened.writer_for(ITEM) as writer:
        writer.write({"file": "x.wav"})
    assert precious.read_text() == "precious"


def test_folder_that_a_run_writes_to_is_refused_to_others_until_its_end(tmp_path: Path) -> None:
    with outputs(tmp_path), pytest.raises(OutputError, match="another run writes to"):
        outputs(tmp_path).__enter__()
    with outputs(tmp_path):
        pass
