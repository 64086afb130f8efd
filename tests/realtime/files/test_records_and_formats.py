import csv
import io
import json

import numpy as np
import pytest

from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import EarmarkError, UsageError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.formats.file import written_file
from earmark.realtime.files.formats.writer import FORMATS, open_writer
from earmark.realtime.files.inputs import find_inputs
from earmark.realtime.files.outputs import Outputs
from earmark.realtime.files.records import ClipMean, TagChoice, event_record, window_record

NAMES = ("Dog", "Baby cry, infant cry", "Tab\there")
CHOICE = TagChoice(NAMES, BRANCH_NAMES, top=2)


def window(values: tuple[float, ...] = (0.1, 0.7, 0.2), start: int = 0) -> WindowResult:
    row = np.array(values, np.float32)
    return WindowResult(start, start + 16_000, row, np.stack([row] * 4) / 2, inference_seconds=0.0)


def event(tag: str = "Dog", start: float = 1.25, end: float = 2.0) -> TagEvent:
    return TagEvent(tag, start, end, peak=0.9, mean=0.75, branch="timbre")


def written(form: str, kind: str, *records: object) -> str:
    stream = io.StringIO()
    writer = open_writer(form, stream, kind)
    for record in records:
        writer.write(record)
    writer.close()
    return stream.getvalue()


def test_window_lists_its_likeliest_tags_first() -> None:
    record = window_record("a.wav", window(), CHOICE)
    assert (record["start"], record["end"]) == (0.0, 1.0)
    assert list(record["tags"].items()) == [("Baby cry, infant cry", 0.7), ("Tab\there", 0.2)]
    assert record["branches"]["pitch"] == {"Baby cry, infant cry": 0.35, "Tab\there": 0.1}
    assert tuple(record["branches"]) == BRANCH_NAMES


def test_all_tags_are_listed_in_their_own_order() -> None:
    record = window_record("a.wav", window(), TagChoice(NAMES, BRANCH_NAMES, every=True))
    assert tuple(record["tags"]) == NAMES


def test_tags_below_the_threshold_are_left_out() -> None:
    record = window_record("a.wav", window(), TagChoice(NAMES, BRANCH_NAMES, threshold=0.5))
    assert list(record["tags"]) == ["Baby cry, infant cry"]


def test_no_record_outlasts_its_recording() -> None:
    assert window_record("a.wav", window(), CHOICE, duration=0.4)["end"] == 0.4
    assert event_record("a.wav", event(), duration=1.5)["end"] == 1.5


def test_clip_is_the_mean_of_its_windows() -> None:
    mean = ClipMean()
    mean.add(window((0.0, 1.0, 0.5)))
    mean.add(window((1.0, 1.0, 0.0), start=16_000))
    record = mean.record("a.wav", TagChoice(NAMES, BRANCH_NAMES, every=True), duration=2.0)
    assert record["duration"] == 2.0
    assert record["tags"] == {"Dog": 0.5, "Baby cry, infant cry": 1.0, "Tab\there": 0.25}
    assert mean.end == 2.0


def test_mean_of_no_windows_is_refused() -> None:
    for undefined in (ClipMean().probabilities, ClipMean().branch_probabilities):
        with pytest.raises(ValueError, match="no windows"):
            undefined()


def test_jsonl_is_read_back_by_a_json_reader() -> None:
    records = [window_record("ä.wav", window(), CHOICE), event_record("b.wav", event())]
    lines = written("jsonl", "windows", *records).splitlines()
    assert [json.loads(line) for line in lines] == records
    assert set(records[1]) == {"file", "tag", "start", "end", "peak", "mean", "branch"}


def test_jsonl_line_is_out_before_the_next_is_made() -> None:
    stream = io.StringIO()
    flushed = []
    stream.flush = lambda: flushed.append(stream.getvalue())
    open_writer("jsonl", stream, "events").write(event_record("a.wav", event()))
    assert json.loads(flushed[-1])["tag"] == "Dog"


def test_csv_is_read_back_by_a_csv_reader() -> None:
    text = written("csv", "events", event_record("a,b.wav", event("Baby cry, infant cry")))
    (row,) = csv.DictReader(io.StringIO(text))
    assert row == {
        "file": "a,b.wav",
        "start": "1.25",
        "end": "2.0",
        "tag": "Baby cry, infant cry",
        "peak": "0.9",
        "mean": "0.75",
        "branch": "timbre",
    }


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_no_name_in_csv_is_a_formula_and_numbers_stay_numbers(name) -> None:
    text = written("csv", "events", event_record(name, event(name)))
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["file"], row["tag"]) == (f"'{name}", f"'{name}")
    assert (row["start"], row["peak"]) == ("1.25", "0.9")
    text = written("csv", "events", event_record("-", event()))
    assert next(csv.DictReader(io.StringIO(text)))["file"] == "-"


@pytest.mark.parametrize("kind", ["windows", "clip"])
def test_csv_has_a_row_for_each_tag(kind: str) -> None:
    record = window_record("a.wav", window(), CHOICE)
    if kind == "clip":
        record = {
            "file": "a.wav",
            "duration": 1.0,
            **CHOICE.tags(*[window().probabilities, window().branch_probabilities]),
        }
    rows = list(csv.DictReader(io.StringIO(written("csv", kind, record))))
    assert [(row["tag"], row["probability"], row["timbre"]) for row in rows] == [
        ("Baby cry, infant cry", "0.7", "0.35"),
        ("Tab\there", "0.2", "0.1"),
    ]


def test_audacity_labels_have_three_fields_whatever_the_tag() -> None:
    text = written("audacity", "events", event_record("a.wav", event("Tab\there")))
    assert text == "1.2500\t2.0000\tTab here\n"


def test_raven_table_has_a_header_and_one_selection_a_line() -> None:
    text = written(
        "raven", "events", event_record("a.wav", event()), event_record("a.wav", event("Tab\there"))
    )
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    assert [row["Selection"] for row in rows] == ["1", "2"]
    assert rows[0]["Begin Time (s)"] == "1.2500"
    assert rows[0]["End Time (s)"] == "2.0000"
    assert float(rows[0]["High Freq (Hz)"]) == 8_000
    assert rows[1]["Tag"] == "Tab here"


def test_rttm_lines_have_ten_fields() -> None:
    text = written("rttm", "events", event_record("my street.wav", event("Baby cry, infant cry")))
    fields = text.split()
    assert len(fields) == 10
    assert fields[:5] == ["SPEAKER", "my_street", "1", "1.250", "0.750"]
    assert fields[7] == "Baby_cry,_infant_cry"


def test_rttm_keeps_names_apart_that_differ_in_white_space() -> None:
    tags = ("Baby cry", "Baby_cry", "Baby  cry", "Baby\u3000cry", " ", "Baby cry")
    records = [event_record("a.wav", event(tag)) for tag in tags]
    records += [event_record(name, event()) for name in ("my street.wav", "my_street.wav")]
    lines = [line.split(" ") for line in written("rttm", "events", *records).splitlines()]
    assert all(len(fields) == 10 for fields in lines)
    found = [fields[7] for fields in lines[:6]]
    assert found[0] == found[5] == "Baby_cry"
    assert len(set(found)) == 5
    assert [fields[1] for fields in lines[6:]] == ["my_street", "my%5Fstreet"]


@pytest.mark.parametrize("kind", ["events", "windows", "clip"])
def test_table_shows_each_file_with_its_tags(kind: str) -> None:
    records = {
        "events": [event_record("a.wav", event()), event_record("b.wav", event("Siren"))],
        "windows": [
            window_record("a.wav", window(), CHOICE),
            window_record("b.wav", window(), CHOICE),
        ],
        "clip": [],
    }
    mean = ClipMean()
    mean.add(window())
    records["clip"] = [mean.record(name, CHOICE, duration=1.0) for name in ("a.wav", "b.wav")]
    text = written("table", kind, *records[kind])
    assert "a.wav" in text
    assert "b.wav" in text
    assert ("Siren" if kind == "events" else "70 %") in text


def test_table_names_tags_as_people_read_them_and_other_formats_as_they_are() -> None:
    record = event_record("a.wav", event("Bass_drum"))
    assert "Bass drum" in written("table", "events", record)
    for form in ("jsonl", "csv", "audacity", "raven"):
        assert "Bass_drum" in written(form, "events", record)


@pytest.mark.parametrize("form", ["audacity", "raven", "rttm"])
def test_formats_of_events_refuse_windows(form: str) -> None:
    with pytest.raises(UsageError, match=f"{form} holds events only"):
        open_writer(form, io.StringIO(), "windows")


def test_folders_globs_and_files_are_found_once_each_in_order(tmp_path) -> None:
    for name in ("b.wav", "a.flac", "notes.txt", "deep/c.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, failures = find_inputs([str(tmp_path), str(tmp_path / "*.wav"), "-"])
    assert [item.relative.as_posix() for item in found] == [
        "a.flac",
        "b.wav",
        "deep/c.mp3",
        "standard-input",
    ]
    assert failures == []


def test_file_named_itself_is_taken_whatever_its_ending(tmp_path) -> None:
    (tmp_path / "sound.dat").touch()
    found, _ = find_inputs([str(tmp_path / "sound.dat")])
    assert len(found) == 1


def test_paths_that_stand_for_nothing_are_named(tmp_path) -> None:
    found, failures = find_inputs([str(tmp_path), "nowhere.wav", "*.nothing"])
    assert found == []
    assert "holds no audio files" in failures[0]
    assert "nowhere.wav" in failures[1]
    assert "*.nothing" in failures[2]


def test_output_keeps_subfolders_and_whole_names(tmp_path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.wav").touch()
    (item,), _ = find_inputs([str(tmp_path / "in")])
    outputs = Outputs("jsonl", "events", folder=tmp_path / "out", overwrite=False)
    with outputs, outputs.writer_for(item) as writer:
        writer.write(event_record("a.wav", event()))
    assert (tmp_path / "out" / "deep" / "a.wav.jsonl").read_text().count("\n") == 1


def test_nothing_is_overwritten_unless_asked(tmp_path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.wav.csv").write_text("mine")
    (item,), _ = find_inputs([str(tmp_path / "a.wav")])
    outputs = Outputs("csv", "events", folder=tmp_path, overwrite=False)
    with outputs, pytest.raises(EarmarkError, match="use --overwrite"), outputs.writer_for(item):
        pass
    assert (tmp_path / "a.wav.csv").read_text() == "mine"
    replacing = Outputs("csv", "events", folder=tmp_path, overwrite=True)
    with replacing, replacing.writer_for(item):
        pass
    assert (tmp_path / "a.wav.csv").read_text().startswith("file,start")


def test_two_inputs_of_one_name_do_not_share_an_output(tmp_path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.wav").touch()
    first, second = find_inputs([str(tmp_path / "x" / "a.wav"), str(tmp_path / "y" / "a.wav")])[0]
    outputs = Outputs("jsonl", "events", folder=tmp_path / "out", overwrite=True)
    with outputs:
        with outputs.writer_for(first):
            pass
        with (
            pytest.raises(EarmarkError, match="another input of the same name"),
            outputs.writer_for(second),
        ):
            pass


def test_every_format_has_a_writer(tmp_path) -> None:
    for form, described in FORMATS.items():
        with written_file(form, tmp_path / form, described.kinds[0], {}) as writer:
            assert writer
        assert (tmp_path / form).exists()
