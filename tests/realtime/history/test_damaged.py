import csv
import io
import json
import os
import sqlite3
from contextlib import closing

import pytest

from earmark.__main__ import main
from earmark.models.errors import EarmarkError
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.history.schema import open_for_reading, open_for_writing

QUESTIONS = ([], ["--format", "csv"], ["--format", "jsonl"], ["--minutes"], ["--day", "2027-01-15"])
FAR = ["--since", "0001-01-03", "--until", "9998-12-30"]


@pytest.fixture
def history(open_history, window, tmp_path):
    """A history of two barks in two minutes."""
    path = tmp_path / "h.db"
    sink = open_history(path, tags=("Dog", "Rain"), patience=60.0)
    for end in (2.0, 61.9):
        sink.take(window(end, 0.9, 0.1))
    for start in (3.0, 5.0):
        sink.take(TagEvent("Dog", start, start + 1.0, 0.9, 0.8, "pitch"))
    sink.close()
    return path


def damage(path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


ROWS = {
    "time of 1e300": "UPDATE events SET began = 1e300, ended = 1e301 WHERE id = 1",
    "time as text": "UPDATE events SET began = 'abc' WHERE id = 1",
    "time without end": "UPDATE events SET began = 9e999 WHERE id = 1",
    "time long ago": "UPDATE events SET began = -1e12 WHERE id = 1",
    "end as text": "UPDATE events SET ended = 'abc' WHERE id = 1",
    "tag as blob": "UPDATE events SET tag = x'ff00' WHERE id = 1",
    "peak as text": "UPDATE events SET peak = 'x' WHERE id = 1",
    "mean beyond 1": "UPDATE events SET mean = 9e999 WHERE id = 1",
    "start of 1e300": "UPDATE events SET at = 1e300 WHERE id = 1",
    "branch as blob": "UPDATE events SET branch = x'00' WHERE id = 1",
}


@pytest.mark.parametrize("what", ROWS)
@pytest.mark.parametrize("words", QUESTIONS)
def test_damaged_event_is_told_in_one_line_and_the_others_are_shown(
    what, words, history, capsys
) -> None:
    damage(history, ROWS[what])
    status = main(["history", str(history), *words])
    told = capsys.readouterr()
    assert "Dog" in told.out
    if "--minutes" in words:
        assert (status, told.err) == (0, "")
        return
    assert status == 1
    (line,) = told.err.splitlines()
    assert "is damaged" in line
    assert "1 of events" in line


@pytest.mark.parametrize("what", ROWS)
def test_damage_of_all_events_is_told_and_breaks_no_question(what, history, capsys) -> None:
    damage(history, ROWS[what].replace(" WHERE id = 1", ""))
    for words in (*QUESTIONS, FAR):
        main(["history", str(history), *words])
        if "--minutes" not in words:
            assert "2 of events" in capsys.readouterr().err


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE minutes SET minute = 1e300",
        "UPDATE minutes SET minute = 'abc'",
        "UPDATE minutes SET tagged = x'00'",
        "UPDATE minutes SET level = 'loud'",
        "UPDATE minute_tags SET tag = x'ff'",
        "UPDATE minute_tags SET peak = 'x'",
        "INSERT INTO gaps (session, began, ended) VALUES (1, 'abc', 9e999)",
    ],
)
@pytest.mark.parametrize("form", ["table", "csv", "jsonl"])
def test_damaged_minutes_are_told_in_one_line(statement, form, history, capsys) -> None:
    damage(history, statement)
    assert main(["history", str(history), "--minutes", "--format", form]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "is damaged" in lines[-1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions SET began = 'abc', until = 1e300",
        "UPDATE sessions SET source = x'ff00'",
        "DELETE FROM sessions",
    ],
)
def test_events_are_shown_though_their_session_is_damaged(statement, history, capsys) -> None:
    damage(history, "PRAGMA foreign_keys = OFF", statement)
    for words in QUESTIONS:
        main(["history", str(history), *words])
        assert "Dog" in capsys.readouterr().out
    main(["history", str(history), "--format", "jsonl"])
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 2


@pytest.mark.parametrize("words", [*QUESTIONS, ["--tag", "Cat"]])
def test_names_in_a_history_cannot_steer_a_terminal(words, history, capsys) -> None:
    evil = "CAST(x'1b5b33316d410a42' AS TEXT)"
    damage(
        history,
        f"UPDATE events SET tag = {evil}, branch = {evil}",
        f"UPDATE minute_tags SET tag = {evil}",
        f"UPDATE sessions SET source = {evil}",
    )
    assert main(["history", str(history), *words]) == 0
    told = capsys.readouterr()
    assert all(line.isprintable() for line in (told.out + told.err).splitlines())
    assert "x1b[31mA" in told.out + told.err


@pytest.mark.parametrize("words", [[], ["--minutes"]])
def test_tag_in_csv_is_no_formula_and_a_level_stays_a_number(words, history, capsys) -> None:
    damage(history, "UPDATE events SET tag = '=1+1'", "UPDATE minute_tags SET tag = '=1+1'")
    assert main(["history", str(history), "--format", "csv", *words]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["tag"] for row in rows} == {"'=1+1"}
    assert all(float(row.get("level", -1)) < 0 for row in rows)


def test_tag_that_is_not_utf_8_is_shown_with_its_bytes(history, capsys) -> None:
    damage(history, "UPDATE events SET tag = CAST(x'ff41' AS TEXT)")
    assert main(["history", str(history), "--format", "jsonl"]) == 0
    assert {json.loads(line)["tag"] for line in capsys.readouterr().out.splitlines()} == {"\\xffA"}


@pytest.mark.parametrize("table", ["events", "minutes", "minute_tags", "gaps", "sessions"])
@pytest.mark.parametrize("is_view", [False, True])
def test_missing_table_is_told_before_anything_is_asked_or_written(
    table, is_view, history, capsys
) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    view = [f"CREATE VIEW {table} AS {endless}"] if is_view else []
    damage(history, "PRAGMA foreign_keys = OFF", f"DROP TABLE {table}", *view)
    before = history.read_bytes()
    for words in QUESTIONS:
        assert main(["history", str(history), *words]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"is damaged, it has no table {table}" in line
    with pytest.raises(EarmarkError, match="is damaged"):
        open_for_writing(history)
    assert history.read_bytes() == before


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_and_not_waited_for(make, tmp_path) -> None:
    path = tmp_path / "h.db"
    make(path)
    for open_it in (open_for_reading, open_for_writing):
        with pytest.raises(EarmarkError, match="it is not a file"):
            open_it(path)


def test_folder_that_one_is_in_is_no_history(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["history", "."]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "it is not a file" in line


@pytest.mark.parametrize(
    "words",
    [
        ["--limit", "99999999999999999999999"],
        ["--since", "999999999999999w"],
        ["--since", "0001-01-01"],
        ["--until", "9999-12-31"],
        ["--day", "9999-12-31"],
        ["--day", "0001-01-01"],
    ],
)
def test_bounds_beyond_all_calendars_are_no_tracebacks(words, history, capsys) -> None:
    try:
        status = main(["history", str(history), *words])
    except SystemExit as left:
        status = left.code
    told = capsys.readouterr()
    assert status in (0, 2)
    assert len(told.err.splitlines()) <= 1
