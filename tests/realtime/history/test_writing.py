import logging
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from earmark.models.errors import EarmarkError
from earmark.realtime.commands.sink_options.table import SINKS
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.history import schema
from earmark.realtime.history.minutes import MinuteSummaries
from earmark.realtime.history.schema import open_for_reading, open_for_writing, transaction
from earmark.realtime.sinks.items import Gap

BARK = TagEvent("Dog", 3.0, 4.5, 0.9, 0.8, "pitch")
CHILD = Path(__file__).with_name("told_child.py")


def bark(start: float) -> TagEvent:
    return TagEvent("Dog", start, start + 0.5, 0.9, 0.8, "pitch")


# What is written


def test_event_is_in_the_file_at_its_time_of_day_when_take_returns(
    open_history, ask, tmp_path
) -> None:
    path = tmp_path / "h.db"
    open_history(path, patience=60.0).take(BARK)
    assert ask(path, "SELECT tag, began, ended, at, at_end, peak, mean, branch FROM events") == [
        ("Dog", 1_800_000_003.0, 1_800_000_004.5, 3.0, 4.5, 0.9, 0.8, "pitch")
    ]
    assert ask(path, "SELECT source, bundle, hop, began, until FROM sessions") == [
        ("desk", "tiny", 0.1, 1_800_000_000.0, 1_800_000_004.5)
    ]


def test_history_is_told_before_every_other_sink() -> None:
    assert SINKS[0] == "history"


def test_reader_sees_events_while_they_are_written_and_holds_up_nobody(
    open_history, tmp_path
) -> None:
    path = tmp_path / "h.db"
    sink = open_history(path, patience=60.0)
    sink.take(bark(1))
    with closing(open_for_reading(path)) as reader:
        reader.execute("BEGIN")
        count = "SELECT count(*) FROM events"
        assert reader.execute(count).fetchone() == (1,)
        # It goes on reading what it began with, and the writer goes on writing.
        sink.take(bark(2))
        assert reader.execute(count).fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute(count).fetchone() == (2,)


def test_minutes_gather_windows_by_the_clock_on_the_wall() -> None:
    minutes = MinuteSummaries(("Dog", "Rain"), np.full(2, 0.5, np.float32), hop=0.1)
    for i in range(601):
        row = np.array([0.9 if i < 30 else 0.1, 0.2], np.float32)
        done = minutes.add(1_800_000_000 + i / 10, row, -20.0)
        assert (done is None) == (i < 600)
    assert done.minute == 1_800_000_000
    assert done.tagged == pytest.approx(60.0)
    assert done.level == -20.0
    (dog,) = done.tags
    assert (dog.tag, dog.above, dog.peak) == ("Dog", pytest.approx(3.0), pytest.approx(0.9))
    assert dog.mean == pytest.approx((30 * 0.9 + 570 * 0.1) / 600, abs=1e-5)
    assert minutes.finish().tagged == pytest.approx(0.1)
    assert minutes.finish() is None


def test_clock_set_back_gives_the_minute_twice_and_loses_no_second() -> None:
    minutes = MinuteSummaries(("Dog",), np.full(1, 0.5, np.float32), hop=1.0)
    times = [120.5, 121.5, 60.5, 61.5, 120.5]
    found = [minutes.add(t, np.ones(1, np.float32), -20.0) for t in times] + [minutes.finish()]
    assert [(m.minute, m.tagged) for m in found if m] == [(120, 2.0), (60, 2.0), (120, 1.0)]


def test_minutes_and_gaps_are_in_the_file_once_it_is_closed(
    open_history, ask, window, tmp_path
) -> None:
    path = tmp_path / "h.db"
    sink = open_history(path)
    for end in (2.0, 2.1, 62.0):
        sink.take(window(end, 0.9, 0.1))
    sink.take(Gap(5.0, 8.0))
    sink.close()
    sink.close()
    assert ask(path, "SELECT minute - 1800000000, tagged FROM minutes") == [(0, 0.2), (60, 0.1)]
    assert ask(path, "SELECT tag, above FROM minute_tags") == [("Dog", 0.2), ("Dog", 0.1)]
    assert ask(path, "SELECT began - 1800000000, ended - 1800000000 FROM gaps") == [(5.0, 8.0)]


# Whatever happens


@pytest.mark.slow
@pytest.mark.parametrize("told", [1, 37, 150])
def test_process_killed_at_any_moment_keeps_every_event_it_told_of(
    told: int, ask, tmp_path
) -> None:
    path = tmp_path / "h.db"
    for run in range(2):  # the second one goes on with what the first one left
        child = subprocess.Popen([sys.executable, CHILD, path, str(run)], stdout=subprocess.PIPE)
        with child:
            lines = [child.stdout.readline() for _ in range(told)]
            child.kill()
            lines += child.stdout.readlines()
        # A line that was cut off was not told.
        numbers = {int(line) for line in lines if line.endswith(b"\n")}
        assert len(numbers) >= told
        with closing(open_for_reading(path)) as reader:
            rows = reader.execute(
                "SELECT at FROM events e JOIN sessions s ON s.id = session WHERE key = ?",
                (str(run),),
            )
            kept = [int(at) for (at,) in rows]
        assert numbers <= set(kept)
        assert len(kept) == len(set(kept))
        assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_full_disk_is_told_once_and_what_waited_is_written_when_there_is_room(
    open_history, ask, tmp_path, wait_for, caplog, monkeypatch
) -> None:
    path, full = tmp_path / "h.db", [True]

    def open_small(path: Path) -> sqlite3.Connection:
        connection = open_for_writing(path)
        if full:
            connection.execute("PRAGMA max_page_count = 1")  # as small as it is now
        return connection

    sink = open_history(path, patience=60.0, retry=0.001)
    sink.take(bark(0))
    monkeypatch.setattr("earmark.realtime.history.writer.open_for_writing", open_small)
    sink._writer._is_in_place = lambda: False  # opens anew each time
    for i in range(1, 150):
        sink.take(bark(i))
    assert "database or disk is full" in caplog.text
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    (count,) = ask(path, "SELECT count(*) FROM events")[0]
    assert 1 <= count < 150
    full.clear()
    wait_for(lambda: ask(path, "SELECT count(*) FROM events") == [(150,)])
    wait_for(lambda: "written again, nothing is lost" in caplog.text)
    assert caplog.text.count("cannot be written") == 1


def test_folder_that_goes_away_is_not_made_anew_and_written_to_when_it_is_back(
    open_history, ask, tmp_path, wait_for, caplog
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    sink = open_history(folder / "h.db", patience=60.0, retry=0.001)
    sink.take(bark(0))
    folder.rename(tmp_path / "pulled out")
    sink.take(bark(1))
    sink.take(bark(2))
    assert not folder.exists()
    (tmp_path / "pulled out").rename(folder)
    wait_for(lambda: ask(folder / "h.db", "SELECT at FROM events") == [(0.0,), (1.0,), (2.0,)])
    assert ask(folder / "h.db", "SELECT count(*) FROM sessions") == [(1,)]
    assert caplog.text.count("cannot be written") == 1


def test_file_that_was_deleted_is_made_anew(open_history, ask, tmp_path) -> None:
    path = tmp_path / "h.db"
    sink = open_history(path, patience=60.0)
    sink.take(bark(0))
    for file in tmp_path.iterdir():
        file.unlink()
    sink.take(bark(1))
    sink.take(bark(2))
    assert ask(path, "SELECT at FROM events") == [(1.0,), (2.0,)]


def test_file_that_another_program_locks_holds_up_one_event_and_loses_none(
    open_history, ask, tmp_path, wait_for, caplog, monkeypatch
) -> None:
    monkeypatch.setattr(schema, "_BUSY_SECONDS", 60.0)
    path = tmp_path / "h.db"
    sink = open_history(path, patience=0.01, retry=0.001)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for i in range(50):
            sink.take(bark(i))
        assert caplog.text.count("the disk does not answer") == 1
        other.execute("ROLLBACK")
    wait_for(lambda: ask(path, "SELECT count(*) FROM events") == [(50,)])


def test_attempt_that_failed_after_it_reached_the_disk_writes_nothing_twice(
    open_history, ask, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "h.db"
    failures = [sqlite3.OperationalError("disk I/O error")]

    class Unlucky:
        def __init__(self, connection) -> None:
            self.inner = transaction(connection)

        def __enter__(self) -> None:
            self.inner.__enter__()

        def __exit__(self, *error: object) -> None:
            self.inner.__exit__(*error)
            if failures:
                raise failures.pop()

    sink = open_history(path, retry=0.001)
    monkeypatch.setattr("earmark.realtime.history.writer.transaction", Unlucky)
    sink.take(bark(0))
    sink.take(bark(1))
    sink.close()
    assert not failures
    assert ask(path, "SELECT at FROM events") == [(0.0,), (1.0,)]


@pytest.mark.parametrize(
    "bad",
    [
        TagEvent("Dog", 1.0, 1.5, float("nan"), 0.8, "pitch"),
        TagEvent("\udcff", 1.0, 1.5, 0.9, 0.8, "pitch"),
        TagEvent("Dog", 1.0, 1.5, 0.9, 2**70, "pitch"),
        TagEvent("Dog", 1.0, 1.5, 0.9, 0.8, {"pitch"}),
        TagEvent("Dog", 1.0, 1.5, 0.9, 0.8, "pitch\x1b[2J" + 10 * "\udcff"),
    ],
)
def test_entry_that_sqlite_refuses_is_left_out_named_and_holds_up_no_other(
    bad, open_history, ask, tmp_path, caplog
) -> None:
    path = tmp_path / "h.db"
    sink = open_history(path, patience=60.0, retry=600.0)
    for event in (bark(0), bad, bark(2), bad, bark(3)):
        sink.take(event)
    sink.close()
    assert ask(path, "SELECT at FROM events") == [(0.0,), (2.0,), (3.0,)]
    (line,) = [record.getMessage() for record in caplog.records]
    assert "cannot take EventEntry(tag=" in line
    assert line.isprintable()


def test_session_that_another_program_deleted_is_written_anew_and_no_event_lost(
    open_history, ask, tmp_path, caplog
) -> None:
    path = tmp_path / "h.db"
    sink = open_history(path, patience=60.0, retry=600.0)
    sink.take(bark(0))
    with closing(sqlite3.connect(path)) as other:
        other.executescript("DELETE FROM events; DELETE FROM sessions;")
    sink.take(bark(1))
    sink.take(bark(2))
    assert ask(path, "SELECT at FROM events e JOIN sessions s ON s.id = session") == [
        (1.0,),
        (2.0,),
    ]
    assert not caplog.records


def test_closing_does_not_wait_for_a_disk_that_is_gone(
    open_history, tmp_path, caplog, wait_for
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    sink = open_history(folder / "h.db", retry=600.0)
    shutil.rmtree(folder)
    sink.take(bark(0))
    wait_for(lambda: "cannot be written" in caplog.text)
    sink.close()
    assert "1 entries" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


def test_closed_history_is_read_where_nothing_can_be_written(
    open_history, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "h.db"
    sink = open_history(path)
    sink.take(BARK)
    sink.close()
    connect = sqlite3.connect

    def refuse(name: str, **settings: object) -> sqlite3.Connection:
        if "immutable" in name:
            return connect(name, **settings)
        # What SQLite does where it finds no room for the file that readers share.
        return connect(f"file:{tmp_path}/none?mode=ro", **settings)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with closing(open_for_reading(path)) as reader:
        assert reader.execute("SELECT tag FROM events").fetchall() == [("Dog",)]
    path.with_name("h.db-wal").write_bytes(b"of a writer")
    with pytest.raises(EarmarkError, match="unable to open"):
        open_for_reading(path)


# Whose file it is


def test_history_of_an_older_version_is_migrated_with_what_it_holds(
    open_history, ask, tmp_path
) -> None:
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"""
            PRAGMA application_id = {0x4561726D};
            PRAGMA user_version = 1;
            CREATE TABLE sessions (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
                source TEXT NOT NULL, bundle TEXT NOT NULL, hop REAL NOT NULL,
                began REAL NOT NULL, until REAL NOT NULL, entries INTEGER NOT NULL);
            CREATE TABLE events (id INTEGER PRIMARY KEY,
                session INTEGER NOT NULL REFERENCES sessions (id), tag TEXT NOT NULL,
                began REAL NOT NULL, ended REAL NOT NULL, at REAL NOT NULL, at_end REAL NOT NULL,
                peak REAL NOT NULL, mean REAL NOT NULL, branch TEXT NOT NULL);
            INSERT INTO sessions VALUES (1, 'old', 'desk', 'tiny', 0.1, 100.0, 200.0, 1);
            INSERT INTO events VALUES (1, 1, 'Rain', 110.0, 120.0, 10.0, 20.0, 0.9, 0.8, 'pitch');
        """)
    sink = open_history(path, patience=60.0)
    sink.take(BARK)
    sink.close()
    assert ask(path, "PRAGMA user_version") == [(2,)]
    assert ask(path, "SELECT tag FROM events ORDER BY began") == [("Rain",), ("Dog",)]
    assert ask(path, "SELECT count(*) FROM minutes") == [(0,)]


def test_migration_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch) -> None:
    path = tmp_path / "h.db"
    open_for_writing(path).close()
    before = path.read_bytes()
    broken = (*schema.MIGRATIONS, ("CREATE TABLE more (id)", "CREATE TABLE events (id)"))
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(EarmarkError, match="events already exists"):
        open_for_writing(path)
    assert path.read_bytes() == before


def test_each_version_that_there_was_leads_to_the_same_schema(tmp_path, monkeypatch) -> None:
    schemas = []
    for version in range(len(schema.MIGRATIONS) + 1):
        path = tmp_path / f"{version}.db"
        with monkeypatch.context() as older:
            older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
            open_for_writing(path).close()
        with closing(open_for_writing(path)) as connection:
            schemas.append(connection.execute("SELECT sql FROM sqlite_master").fetchall())
    assert all(found == schemas[0] for found in schemas)


def newer(path: Path) -> None:
    with closing(open_for_writing(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE bookmarks (url)")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (newer, "version 99, and this Earmark knows up to 2: update Earmark"),
        (foreign, "database of another program"),
        (lambda path: path.write_text("my diary " * 500), "is not an SQLite database"),
        (lambda path: path.mkdir(), "cannot be opened"),
    ],
    ids=["newer", "foreign", "no database", "folder"],
)
def test_file_that_is_no_history_is_refused_by_name_and_left_as_it_was(
    make, why: str, open_history, tmp_path
) -> None:
    path = tmp_path / "h.db"
    make(path)
    before = path.is_file() and path.read_bytes()
    for open_it in (open_history, open_for_writing, open_for_reading):
        with pytest.raises(EarmarkError, match=why) as told:
            open_it(path)
        assert str(path) in str(told.value)
    assert (path.is_file() and path.read_bytes()) == before


def test_empty_file_becomes_a_history(open_history, ask, tmp_path) -> None:
    path = tmp_path / "h.db"
    path.touch()
    open_history(path, patience=60.0).take(BARK)
    assert ask(path, "SELECT count(*) FROM events") == [(1,)]
