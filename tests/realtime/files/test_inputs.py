from pathlib import Path

import pytest

from earmark.realtime.files.inputs import find_inputs


@pytest.mark.parametrize("suffix", [".wv", ".mka", ".AIFC", ".m4b", ".amr", ".snd", ".bwf"])
def test_folder_gives_what_can_be_read_when_it_is_named(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    found, failures = find_inputs([str(tmp_path)])
    assert [item.relative for item in found] == [Path(f"a{suffix}")]
    assert not failures


def test_attributes_that_macos_leaves_beside_recordings_are_no_recordings(tmp_path: Path) -> None:
    for name in ("x.wav", "._x.wav"):
        (tmp_path / name).write_bytes(b"")
    found, _ = find_inputs([str(tmp_path)])
    assert [item.relative for item in found] == [Path("x.wav")]
