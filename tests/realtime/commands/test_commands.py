import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earmark
from earmark.__main__ import COMMANDS, main
from earmark.models.config import BRANCH_NAMES
from earmark.models.timebase import window_starts
from earmark.realtime.audio.streamed import StreamedSource
from earmark.realtime.commands import doctor

TAGS = ("Dog", "Rain", "Speech", "Siren", "Music")


@pytest.fixture
def recording(noise, tmp_path: Path) -> Path:
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=2.53), 16_000)
    return path


@pytest.fixture
def tag_file(tiny_bundle_folder: Path):
    """Run ``earmark file`` with the tiny bundle."""

    def run(*arguments: object) -> int:
        words = ("--bundle", tiny_bundle_folder, "--device", "cpu", *arguments)
        return main(["file", *map(str, words)])

    return run


def records(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_windows_cover_the_recording_to_its_end(tag_file, recording, capsys) -> None:
    assert tag_file(recording, "--windows", "--format", "jsonl", "--hop", 0.5) == 0
    found = records(capsys.readouterr().out)
    assert [r["start"] for r in found] == [s / 16_000 for s in window_starts(40_480, 8_000)]
    assert found[-1]["end"] == 2.53
    assert all(len(r["tags"]) == 5 for r in found)


def test_clip_record_has_all_that_was_promised(tag_file, recording, capsys) -> None:
    assert tag_file(recording, "--clip", "--all-tags", "--format", "jsonl") == 0
    (record,) = records(capsys.readouterr().out)
    assert set(record) == {"file", "duration", "tags", "branches"}
    assert record["file"] == str(recording)
    assert record["duration"] == 2.53
    assert tuple(record["tags"]) == TAGS
    assert tuple(record["branches"]) == BRANCH_NAMES
    assert all(tuple(row) == TAGS for row in record["branches"].values())


def test_clip_is_the_mean_of_the_windows_written(tag_file, recording, capsys) -> None:
    tag_file(recording, "--windows", "--all-tags", "--format", "jsonl")
    windows = records(capsys.readouterr().out)
    tag_file(recording, "--clip", "--all-tags", "--format", "jsonl")
    (clip,) = records(capsys.readouterr().out)
    for tag in TAGS:
        mean = np.mean([window["tags"][tag] for window in windows])
        assert clip["tags"][tag] == pytest.approx(mean, abs=1e-5)


def test_events_have_what_was_promised(tag_file, recording, capsys) -> None:
    assert tag_file(recording, "--format", "jsonl", "--threshold", 0.01) == 0
    events = records(capsys.readouterr().out)
    assert {event["tag"] for event in events} == set(TAGS)
    for event in events:
        assert set(event) >= {"tag", "start", "end", "peak", "mean"}
        assert (event["start"], event["end"]) == (0.0, 2.53)


def test_only_the_tags_asked_for_are_events(tag_file, recording, capsys) -> None:
    tag_file(recording, "--format", "jsonl", "--threshold", 0.01, "--tags", "Rain,Siren")
    assert {event["tag"] for event in records(capsys.readouterr().out)} == {"Rain", "Siren"}


def test_recording_shorter_than_a_window_is_tagged(tag_file, noise, tmp_path, capsys) -> None:
    soundfile.write(tmp_path / "click.wav", noise(seconds=0.3), 16_000)
    assert tag_file(tmp_path / "click.wav", "--windows", "--format", "jsonl") == 0
    (record,) = records(capsys.readouterr().out)
    assert (record["start"], record["end"]) == (0.0, 0.3)


def test_bad_files_are_named_and_the_others_still_written(
    tag_file, recording, tmp_path, capsys
) -> None:
    (tmp_path / "letter.wav").write_text("no sound here" * 99)
    cut = tmp_path / "cut.flac"
    soundfile.write(cut, np.zeros(80_000, np.float32) + 0.1, 16_000)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    assert tag_file(tmp_path, "nowhere.wav", "--clip", "--format", "jsonl") == 1
    captured = capsys.readouterr()
    assert {Path(r["file"]).name for r in records(captured.out)} >= {"street.wav"}
    complaints = captured.err.strip().splitlines()
    assert all(line.startswith("earmark: ") for line in complaints)
    for name in ("letter.wav", "cut.flac", "nowhere.wav"):
        assert sum(name in line for line in complaints) == 1


def test_samples_that_are_no_numbers_are_told(tag_file, tmp_path, capsys) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[5] = np.nan
    soundfile.write(tmp_path / "bad.wav", samples, 16_000, subtype="FLOAT")
    assert tag_file(tmp_path / "bad.wav", "--clip", "--format", "jsonl") == 1
    captured = capsys.readouterr()
    assert len(records(captured.out)) == 1
    assert "1 samples were NaN or infinite" in captured.err


def test_raw_pcm_on_standard_input_equals_the_file(
    tag_file, recording, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag_file(recording, "--clip", "--all-tags", "--format", "jsonl")
    (from_file,) = records(capsys.readouterr().out)
    samples, _ = soundfile.read(recording, dtype="int16")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(samples.tobytes())))
    assert tag_file("-", "--clip", "--all-tags", "--format", "jsonl") == 0
    (from_pipe,) = records(capsys.readouterr().out)
    assert from_pipe["file"] == "-"
    assert from_pipe["tags"] == pytest.approx(from_file["tags"], abs=1e-5)


def test_nothing_heard_is_said(tag_file, recording, capsys) -> None:
    assert tag_file(recording, "--threshold", 0.99) == 0
    assert "nothing above the thresholds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--threshold", 2), "--threshold must lie between 0 and 1, got 2.0"),
        (("--hop", 0), "--hop must lie between 0.025 and 1 second, got 0.0"),
        (("--top", 0), "--top must be at least 1"),
        (("--tags", "Dgo"), "did you mean Dog"),
        (("--threads", -1), "--threads must be 0 or more"),
        (("--release", 3), "release must lie above 0"),
        (("--windows", "--format", "rttm"), "rttm holds events only"),
    ],
)
def test_impossible_option_is_wrong_usage(
    tag_file, recording, capsys, options: tuple[object, ...], message: str
) -> None:
    assert tag_file(recording, *options) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_wrong_usage_writes_nothing(tag_file, recording, tmp_path, capsys) -> None:
    assert tag_file(recording, "--format", "csv", "--tags", "Dgo") == 2
    assert capsys.readouterr().out == ""
    words = ("--clip", "--format", "raven", "--output", tmp_path / "out")
    assert tag_file(recording, *words) == 2
    assert not (tmp_path / "out").exists()


def test_bundle_that_is_not_there_is_named(recording, tmp_path, capsys) -> None:
    assert main(["file", str(recording), "--bundle", str(tmp_path / "none")]) == 1
    assert "there is no bundle" in capsys.readouterr().err


def test_live_on_a_file_writes_windows_and_sums_up(tiny_bundle_folder, recording, capsys) -> None:
    words = ("live", recording, "--bundle", tiny_bundle_folder, "--device", "cpu", "--hop", "0.5")
    assert main([*map(str, words), "--format", "jsonl"]) == 0
    captured = capsys.readouterr()
    found = records(captured.out)
    assert [r["start"] for r in found] == [0.0, 0.5, 1.0, 1.5, 1.53]
    assert all(0 <= r["latency"] < 2 for r in found)
    assert "street.wav: 5 windows, 0 skipped, 0 overflows" in captured.err


def test_live_events_are_those_of_the_file(tag_file, tiny_bundle_folder, recording, capsys) -> None:
    options = ["--hop", "0.5", "--threshold", "0.01", "--format", "jsonl"]
    tag_file(recording, *options)
    wanted = {(e["tag"], e["start"], e["peak"]) for e in records(capsys.readouterr().out)}
    words = ("live", recording, "--events", "--bundle", tiny_bundle_folder, "--device", "cpu")
    assert main([*map(str, words), *options]) == 0
    live = {(e["tag"], e["start"], e["peak"]) for e in records(capsys.readouterr().out)}
    assert {(tag, start) for tag, start, _ in live} == {(tag, start) for tag, start, _ in wanted}


def test_live_view_ends_with_its_time(tiny_bundle_folder, recording, capsys) -> None:
    words = ("live", recording, "--bundle", tiny_bundle_folder, "--device", "cpu")
    assert main([*map(str, words), "--format", "view", "--duration", "1.3"]) == 0
    captured = capsys.readouterr()
    assert "all four" in captured.out
    assert "street.wav" in captured.out


@pytest.mark.parametrize("option", [("--duration", "0"), ("--top", "0"), ("--hop", "9")])
def test_live_refuses_impossible_options(recording, option: tuple[str, str], capsys) -> None:
    assert main(["live", str(recording), *option]) == 2
    assert option[0] in capsys.readouterr().err


def test_devices_are_listed(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from earmark.realtime.audio import devices

    device = devices.InputDevice(3, "Room", "ALSA", 2, 48_000.0, is_default=True)
    monkeypatch.setattr(devices, "list_devices", lambda: [device])
    assert main(["devices"]) == 0
    assert "48000 Hz" in capsys.readouterr().out
    assert main(["devices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "Room"
    monkeypatch.setattr(devices, "list_devices", list)
    assert main(["devices"]) == 1
    assert "no input device found" in capsys.readouterr().err


def test_info_describes_a_bundle(tiny_bundle_folder, capsys) -> None:
    assert main(["info", str(tiny_bundle_folder)]) == 0
    assert "5 tags" in capsys.readouterr().out
    assert main(["info", str(tiny_bundle_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sample_rate"] == 16_000


def test_doctor_goes_through_all_and_fails_for_what_is_needed(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise earmark.AudioError("no ears")

    monkeypatch.setattr(doctor, "CHECKS", (("ears", False, broken), ("head", True, lambda: "fine")))
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "ears: no ears" in text
    assert "head: fine" in text
    monkeypatch.setattr(doctor, "CHECKS", (("ears", True, broken),))
    assert main(["doctor"]) == 1


def test_doctor_finds_here_all_that_tagging_needs(capsys) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for part in ("packages", "audio files", "bundle", "microphone", "GPU"):
        assert part in text


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, earmark.__main__ as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([n for n in ('torch', 'numpy', 'librosa', 'rich') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert COMMANDS[command].summary[1:].split(",")[0] in capsys.readouterr().out.replace("\n", " ")


def test_unknown_command_is_wrong_usage(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sing"])
    assert ended.value.code == 2
    assert "sing" in capsys.readouterr().err


# From Python


def test_tagger_tags_a_file_as_the_command_does(
    tag_file, tiny_bundle_folder, recording, capsys
) -> None:
    tag_file(recording, "--clip", "--all-tags", "--format", "jsonl")
    (record,) = records(capsys.readouterr().out)
    tagging = earmark.load(tiny_bundle_folder, device="cpu").tag(recording)
    assert tagging.tags == pytest.approx(record["tags"], abs=1e-5)
    assert list(tagging.tags.values()) == sorted(tagging.tags.values(), reverse=True)
    assert tagging.branches["pitch"] == pytest.approx(record["branches"]["pitch"], abs=1e-5)


def test_tagger_streams_from_any_source(tiny_bundle_folder, recording) -> None:
    tagger = earmark.load(tiny_bundle_folder, device="cpu")
    source = StreamedSource.from_file(recording, speed=4.0)
    results = list(tagger.stream(source, hop=0.5))
    assert len(results) == 5
    assert len(tagger.names(results[0], top=3)) == 3


def test_public_names_are_all_there() -> None:
    for name in earmark.__all__:
        assert getattr(earmark, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'sing'"):
        earmark.sing  # noqa: B018
