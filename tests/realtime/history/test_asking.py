import csv
import io
import json
import time
from datetime import date, datetime

import numpy as np
import pytest

from earmark.__main__ import main
from earmark.realtime.commands.quantities import end_moment, length_of_time, moment, size
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.history.day import draw, read_day
from earmark.realtime.history.schema import open_for_reading
from earmark.realtime.sinks.items import Gap

# 2027-01-15 08:00:00 UTC
START = 1_800_000_000


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch) -> None:
    """An hour ahead of UTC, and with clocks that change twice a year."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def history(open_history, window, tmp_path):
    """A history of two barks, half an hour of rain, and a clap."""
    path = tmp_path / "h.db"
    sink = open_history(path, tags=("Dog", "Rain"), patience=60.0)
    for end in (2.0, 2.1, 61.9):
        sink.take(window(end, 0.9, 0.1))
    sink.take(window(200.0, 0.1, 0.1))
    sink.take(Gap(50.0, 70.0))
    sink.take(TagEvent("Dog", 3.0, 4.5, 0.9, 0.8, "pitch"))
    sink.take(TagEvent("Male speech, man speaking", 5.0, 6.0, 0.7, 0.6, "timbre"))
    sink.take(TagEvent("Rain", 1_800.0, 5_400.0, 0.95, 0.9, "timbre"))
    sink.take(TagEvent("Dog", 7_200.0, 7_201.0, 0.6, 0.5, "waveform"))
    sink.close()
    return path


@pytest.fixture
def events_of(history, capsys):
    """Run ``earmark history --format jsonl`` and return its records."""

    def run(*words: object) -> list[dict]:
        assert main(["history", str(history), "--format", "jsonl", *map(str, words)]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


# Lists


def test_events_come_in_order_as_live_json_lines_have_them(events_of) -> None:
    found = events_of()
    assert [r["start"] for r in found] == [3.0, 5.0, 1_800.0, 7_200.0]
    assert found[0] == {
        "file": "desk",
        "tag": "Dog",
        "start": 3.0,
        "end": 4.5,
        "peak": 0.9,
        "mean": 0.8,
        "branch": "pitch",
        "time": "2027-01-15T09:00:03.000+01:00",
    }


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["--tag", "Dog"], [3.0, 7_200.0]),
        (["--tag", "dog,RAIN"], [3.0, 1_800.0, 7_200.0]),
        (["--tag", "Male speech, man speaking"], [5.0]),
        (["--tag", "Male speech, man speaking;Rain"], [5.0, 1_800.0]),
        (["--tag", "Cat"], []),
        (["--limit", "2"], [1_800.0, 7_200.0]),
        (["--tag", "Dog", "--limit", "1"], [7_200.0]),
        (["--since", "2027-01-15T09:30"], [1_800.0, 7_200.0]),
        (["--since", "2027-01-15T08:30Z", "--until", "2027-01-15 11:00"], [1_800.0]),
        (["--until", "2027-01-15"], [3.0, 5.0, 1_800.0, 7_200.0]),
        (["--until", "2027-01-14"], []),
        (["--since", "2027-01-16"], []),
    ],
)
def test_filters_leave_what_was_asked_for(words, starts, events_of) -> None:
    assert [r["start"] for r in events_of(*words)] == starts


def test_minutes_tell_seconds_above_the_threshold_gaps_and_level(events_of) -> None:
    first, second, third = events_of("--minutes")
    assert first["time"] == "2027-01-15T09:00:00.000+01:00"
    assert (first["tagged"], first["gap"], first["level"]) == (0.2, 10.0, -120.0)
    assert first["tags"] == {"Dog": {"above": 0.2, "peak": 0.9, "mean": 0.9}}
    assert (second["tagged"], second["gap"]) == (0.1, 10.0)
    assert third["tags"] == {}
    assert len(events_of("--minutes", "--tag", "dog")) == 2
    assert events_of("--minutes", "--tag", "Rain") == []


def test_table_is_for_people_and_csv_for_spreadsheets(history, capsys) -> None:
    assert main(["history", str(history)]) == 0
    table = capsys.readouterr().out.splitlines()
    (row,) = (line.split("│") for line in table if "09:00:03" in line)
    assert [cell.strip() for cell in row[1:-1]] == [
        "2027-01-15 09:00:03", "1.5 s", "Dog", "90 %", "pitch", "desk"
    ]  # fmt: skip
    assert main(["history", str(history), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["tag"] for row in rows] == ["Dog", "Male speech, man speaking", "Rain", "Dog"]
    assert main(["history", str(history), "--format", "csv", "--minutes"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["tag"], row["above"]) for row in rows] == [
        ("Dog", "0.2"),
        ("Dog", "0.1"),
        ("", ""),
    ]
    assert main(["history", str(history), "--minutes"]) == 0
    assert "Dog 0.2 s (90 %)" in capsys.readouterr().out


def test_tags_are_shown_as_people_read_them_and_found_by_that(open_history, tmp_path, capsys):
    path = tmp_path / "drums.db"
    sink = open_history(path, tags=("Bass_drum",))
    sink.take(TagEvent("Bass_drum", 3.0, 4.5, 0.9, 0.8, "pitch"))
    sink.close()
    for name in ("Bass_drum", "bass drum"):
        assert main(["history", str(path), "--tag", name]) == 0
        assert "Bass drum" in capsys.readouterr().out
    assert "Bass drum" in draw(day_of(path, date(2027, 1, 15)))


def test_nothing_found_says_what_there_is(history, capsys) -> None:
    assert main(["history", str(history), "--tag", "Cat"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "holds 4 events from 2027-01-15 09:00:03" in told.err
    assert "Dog" in told.err


def test_output_is_never_replaced_unasked(history, tmp_path, capsys) -> None:
    words = ["history", str(history), "--format", "csv", "--output", str(tmp_path / "out.csv")]
    assert main(words) == 0
    first = (tmp_path / "out.csv").read_text()
    assert len(first.splitlines()) == 5
    assert main([*words, "--tag", "Dog"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text() == first
    assert main([*words, "--tag", "Dog", "--overwrite"]) == 0
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("option", ["--output", "--plot"])
@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
def test_history_is_never_replaced_by_what_is_asked_of_it(
    option, link, history, tmp_path, capsys
) -> None:
    output = history
    if link is not None:
        output = tmp_path / "other.png"
        getattr(output, link)(history)
    before = history.read_bytes()
    assert main(["history", str(history), option, str(output), "--overwrite"]) == 2
    assert "is the history itself" in capsys.readouterr().err
    assert history.read_bytes() == before


def test_output_leaves_files_of_others_alone(history, tmp_path) -> None:
    (tmp_path / "out.csv.part").write_text("mine")
    words = ["--format", "csv", "--output", str(tmp_path / "out.csv")]
    assert main(["history", str(history), *words]) == 0
    assert (tmp_path / "out.csv.part").read_text() == "mine"
    assert not list(tmp_path.glob("*.earmark-part"))


def test_wrong_questions_are_refused(history, tmp_path, capsys) -> None:
    def status(*words: str) -> int:
        try:
            return main(["history", *words])
        except SystemExit as left:
            return int(left.code)

    assert status(str(tmp_path / "none.db")) == 1
    assert "there is no history" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()
    assert status(str(history), "--since", "yesterday") == 2
    assert "'yesterday' is no moment" in capsys.readouterr().err
    assert status(str(history), "--limit", "0") == 2
    assert status(str(history), "--day", "2027-01-15", "--format", "csv") == 2
    assert status(str(history), "--day", "2027-01-15", "--since", "2h") == 2
    assert status(str(history), "--day", "15.1.2027") == 2


# A day by hours


def day_of(history, day: date, **choice):
    with open_for_reading(history) as connection:
        found = read_day(connection, day, rows=20, **choice)
    connection.close()
    return found


def test_day_divides_events_among_local_hours(history) -> None:
    day = day_of(history, date(2027, 1, 15))
    assert day.tags == ("Rain", "Dog", "Male speech, man speaking")
    rain, dog, _ = day.seconds
    assert {hour: rain[hour] for hour in np.flatnonzero(rain)} == {9: 1_800.0, 10: 1_800.0}
    assert {hour: dog[hour] for hour in np.flatnonzero(dog)} == {9: 1.5, 11: 1.0}
    assert {hour: day.listened[hour] for hour in np.flatnonzero(day.listened)} == {
        9: 3_600.0,
        10: 3_600.0,
        11: 1.0,
    }
    assert day_of(history, date(2027, 1, 14)).tags == ()


def test_picture_of_a_day_has_a_row_for_each_tag_and_two_characters_an_hour(history) -> None:
    lines = draw(day_of(history, date(2027, 1, 15))).splitlines()
    assert lines[0] == "Friday, 2027-01-15"
    width = len("Male speech, man speaking") + 2
    rain, dog = lines[2][width:], lines[3][width:]
    assert rain[:48] == " " * 18 + "████" + "··" + " " * 24
    assert dog[:48] == " " * 18 + "░░··░░" + " " * 24
    assert rain[48:].strip() == "1 h 00 min"


def test_day_on_which_the_clock_changes_keeps_all_seconds(open_history, tmp_path, make_stream):
    # 2027-10-31: 25 hours, the one from 2 to 3 twice.
    midnight = datetime(2027, 10, 31).timestamp()
    path = tmp_path / "autumn.db"
    sink = open_history(path, patience=60.0)
    offset = midnight - START
    sink.take(TagEvent("Rain", offset - 3_600.0, offset + 27 * 3_600.0, 0.9, 0.9, "timbre"))
    day = day_of(path, date(2027, 10, 31))
    assert day.seconds.sum() == 25 * 3_600
    assert day.seconds[0, 2] == 7_200


def test_day_is_drawn_into_an_image(history, tmp_path) -> None:
    image = tmp_path / "day.png"
    words = ["history", str(history), "--day", "2027-01-15", "--plot", str(image)]
    assert main(words) == 0
    assert image.read_bytes().startswith(b"\x89PNG")
    assert main(words) == 1
    assert main([*words[:3], "2027-01-14", "--plot", str(tmp_path / "empty.png")]) == 0


def test_missing_matplotlib_is_told_with_the_way_out(history, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    assert main(["history", str(history), "--plot", str(tmp_path / "day.png")]) == 1
    assert "pip install 'earmark[plot]'" in capsys.readouterr().err


# Quantities


def test_hour_that_the_clock_repeats_is_asked_for_as_a_whole(
    open_history, tmp_path, capsys
) -> None:
    # 2027-10-31: from 3 o'clock in summer back to 2 o'clock in winter.
    first = datetime(2027, 10, 31, 2, 30).timestamp() - START
    path = tmp_path / "autumn.db"
    sink = open_history(path, patience=60.0)
    for start in (first - 3_600, first, first + 3_600, first + 7_200):
        sink.take(TagEvent("Rain", start, start + 1.0, 0.9, 0.9, "timbre"))

    def found(*words: str) -> list[str]:
        assert main(["history", str(path), "--format", "jsonl", *words]) == 0
        return [json.loads(line)["time"][11:] for line in capsys.readouterr().out.splitlines()]

    both = ["02:30:00.000+02:00", "02:30:00.000+01:00"]
    assert found("--since", "2027-10-31T02:00", "--until", "2027-10-31T02:45") == both
    assert found("--since", "2027-10-31T02:00+01:00", "--until", "2027-10-31T02:45") == both[1:]
    assert found("--since", "2027-10-31T02:00", "--until", "2027-10-31T02:45+02:00") == both[:1]


def test_quantities_are_read_as_people_write_them() -> None:
    assert [length_of_time(t) for t in ("90s", "30m", "2h", "3d", "1w")] == [
        90.0,
        1_800.0,
        7_200.0,
        259_200.0,
        604_800.0,
    ]
    assert [size(t) for t in ("10B", "800KB", "500mb", "1.5GB")] == [
        10,
        800_000,
        5 * 10**8,
        15 * 10**8,
    ]
    now = datetime(2027, 1, 15, 12)
    assert moment("2h", now=now) == now.timestamp() - 7_200
    assert end_moment("2027-01-15") == moment("2027-01-16")
    assert end_moment("2027-01-15T12:00") == moment("2027-01-15T12:00")
