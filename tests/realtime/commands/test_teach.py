import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.taught.folder import TaughtFolder, read_tag, write_tag


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaughtFolder:
    monkeypatch.setenv("EARMARK_TAUGHT", str(tmp_path / "taught"))
    return TaughtFolder(tmp_path / "taught")


@pytest.fixture
def clips(tmp_path: Path, tone, noise) -> list[str]:
    found = []
    for i in range(4):
        path = tmp_path / f"beep-{i}.wav"
        soundfile.write(path, tone(2_000 + 20 * i, 1.2) + noise(1.2, 0.01, seed=i), 16_000)
        found.append(str(path))
    return found


@pytest.fixture
def room(tmp_path: Path, noise) -> str:
    path = tmp_path / "room.wav"
    loudness = np.repeat(10 ** np.linspace(-3, -0.5, 60), 16_000)
    soundfile.write(path, (noise(60.0, 1.0, seed=9) * loudness).astype(np.float32), 16_000)
    return str(path)


@pytest.fixture
def teach(tiny_bundle_folder: Path, folder):
    """Run ``earmark teach`` with the tiny bundle."""

    def run(*words: object) -> int:
        options = ("--bundle", tiny_bundle_folder, "--device", "cpu")
        return main(["teach", *map(str, (*words, *options))])

    return run


@pytest.fixture
def beep(teach, clips, room, folder):
    """The tag ``Beep``, taught."""
    assert teach("Beep", *clips, "--background", room) == 0
    return folder.find("Beep")


def test_tag_is_taught_and_what_is_expected_is_said_first(
    teach, clips, room, folder, capsys
) -> None:
    assert teach("Beep", *clips, "--background", room) == 0
    said = capsys.readouterr()
    expected, saved = said.out.splitlines()
    assert "false alarms an hour" in expected
    assert "of what is called so is right" in expected
    assert saved.startswith("saved")
    assert "clip 4 of 4" in said.err
    tag = folder.find("Beep")
    assert list(tag.clips) == clips
    assert tag.background == (room,)
    assert 0 <= tag.measured["precision"] <= 1


def test_dry_run_saves_nothing(teach, clips, room, folder, capsys) -> None:
    assert teach("Beep", *clips, "--background", room, "--dry-run") == 0
    assert "false alarms an hour" in capsys.readouterr().out
    assert folder.tags() == []


def test_taught_tag_is_heard_in_files(teach, beep, clips, tiny_bundle_folder, capsys) -> None:
    options = ("--bundle", str(tiny_bundle_folder), "--device", "cpu")
    words = ("--windows", "--all-tags", "--format", "jsonl")
    main(["file", clips[0], *words, *options])
    record = json.loads(capsys.readouterr().out.splitlines()[0])
    assert list(record["tags"])[-1] == "Beep"
    assert all("Beep" in row for row in record["branches"].values())


def test_info_tells_what_was_taught(beep, tiny_bundle_folder, capsys, monkeypatch) -> None:
    main(["info", str(tiny_bundle_folder)])
    assert "and 1 taught by you: Beep" in capsys.readouterr().out
    monkeypatch.setenv("EARMARK_TAUGHT", "off")
    main(["info", str(tiny_bundle_folder)])
    assert "Beep" not in capsys.readouterr().out


def test_clips_are_tested(teach, beep, clips, room, capsys) -> None:
    capsys.readouterr()
    assert teach("--test", "Beep", *clips, room) == 0
    *lines, total = capsys.readouterr().out.splitlines()
    heard = sum(line.startswith("heard") for line in lines)
    assert len(lines) == 5
    assert total == f"{heard} of 5 clips heard as Beep"


def test_taught_tags_are_listed_and_removed(teach, beep, folder, capsys) -> None:
    capsys.readouterr()
    assert teach("--list") == 0
    assert capsys.readouterr().out.startswith("Beep: expected to hear")
    assert teach("--remove", "Beep") == 0
    assert folder.tags() == []
    assert teach("--remove", "Beep") == 2
    assert "no tag 'Beep' was taught" in capsys.readouterr().err


def test_exported_tag_comes_back_the_same(teach, beep, folder, tmp_path, capsys) -> None:
    file = tmp_path / "beep.json"
    assert teach("--export", "Beep", file) == 0
    assert teach("--export", "Beep", file) == 2
    assert "exists already; --replace" in capsys.readouterr().err
    assert teach("--import", file) == 2
    teach("--remove", "Beep")
    assert teach("--import", file) == 0
    assert folder.find("Beep").as_table() == beep.as_table()


def test_tag_of_another_bundle_is_not_imported(teach, beep, tmp_path, capsys) -> None:
    file = tmp_path / "foreign.json"
    table = beep.as_table()
    file.write_text(json.dumps({**table, "name": "X", "base": {"name": "b", "checksum": "0"}}))
    assert teach("--import", file) == 1
    assert "was taught on the bundle b" in capsys.readouterr().err


def test_tag_of_an_older_version_is_taught_again(teach, beep, folder, capsys) -> None:
    table = beep.as_table()
    old = {**table, "base": {"name": "tiny", "checksum": "0"}, "bias": 99.0}
    path = folder.save(type(beep).from_table(old), replace=True)
    assert teach("--test", "Beep", beep.clips[0]) == 1
    assert "earmark teach --again" in capsys.readouterr().err
    assert teach("--again") == 0
    again = read_tag(path)
    assert again.base == beep.base
    assert again.bias == pytest.approx(beep.bias, abs=1e-3)
    assert teach("--again") == 0
    assert "nothing is to be taught again" in capsys.readouterr().err


def test_taught_tag_is_not_replaced_unasked(teach, beep, clips, room, capsys) -> None:
    assert teach("beep", *clips, "--background", room) == 2
    assert "--replace takes its place" in capsys.readouterr().err
    assert teach("beep", *clips[:3], "--background", room, "--replace") == 0


def test_without_background_fewer_guarantees_are_told(teach, clips, capsys) -> None:
    assert teach("Beep", *clips) == 0
    assert "expect more false alarms" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "NAME CLIP..."),
        (("Beep", "a.wav", "b.wav"), "3 to 20 clips, got 2"),
        (("Dog", "a.wav", "b.wav", "c.wav"), "knows the tag 'Dog' already"),
        (("Be;ep", "a.wav", "b.wav", "c.wav"), "must be printable, without ';'"),
        (("Beep", "a.wav", "b.wav", "c.wav", "--alarms", "0"), "must lie above 0"),
        (("--test", "Beep"), "teach --test NAME CLIP..."),
    ],
)
def test_wrong_usage_is_told(teach, capsys, words, reason) -> None:
    assert teach(*words) == 2
    assert reason in capsys.readouterr().err


def test_broken_tag_is_told_wherever_it_would_be_used(
    beep, folder, clips, tiny_bundle_folder, capsys
) -> None:
    path = folder.path / "Beep.json"
    path.write_text("{}")
    assert main(["file", clips[0], "--bundle", str(tiny_bundle_folder), "--device", "cpu"]) == 1
    assert "Beep.json is no taught tag" in capsys.readouterr().err


def test_tag_written_over_is_never_torn(beep, folder) -> None:
    write_tag(beep, folder.path / "Beep.json")
    assert [path.name for path in folder.path.iterdir()] == ["Beep.json"]


@pytest.mark.parametrize("missing", ["recall", "clips", "background_hours", None])
def test_tag_without_what_was_measured_of_it_is_listed_and_imported(
    missing, teach, beep, folder, tmp_path, capsys
) -> None:
    measured = {name: v for name, v in beep.measured.items() if missing not in (None, name)}
    path = tmp_path / "beep.json"
    write_tag(replace(beep, measured=measured), path)
    folder.remove("Beep")
    capsys.readouterr()
    assert teach("--import", path) == 0
    assert teach("--list") == 0
    assert "does not say what was measured" in capsys.readouterr().out
    assert teach("--again", "Beep") == 0


def test_broken_tag_is_told_and_the_others_are_listed(teach, beep, folder, capsys) -> None:
    (folder.path / "Evil\x1b[2J.json").write_text("{}")
    capsys.readouterr()
    assert teach("--list") == 1
    said = capsys.readouterr()
    assert said.out.startswith("Beep: expected to hear")
    (line,) = said.err.splitlines()
    assert "is no taught tag" in line
    assert line.isprintable()
