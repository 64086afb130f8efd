"""The history file as an SQLite database: its schema in versions, and which files are one.

All moments are seconds since 1970 in UTC; ``at`` and
``at_end`` are seconds of the session's stream.

    sessions     one run of ``earmark live``; ``until`` is when it last wrote
    events       each as it was complete
    minutes      a row for each minute of the wall clock: seconds tagged, level in dBFS
    minute_tags  tags that reached their threshold in it: seconds above, highest, mean probability
    gaps         stretches that were not heard
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from earmark.models.errors import EarmarkError

#: In the header of each history file: the letters "Earm".
APPLICATION_ID: Final = 0x4561726D

# How long another program may hold the file before writing counts as failed.
_BUSY_SECONDS = 5.0

#: What leads from each version to the next, an empty file being version 0. A step that was
#: released is never changed: another one is added.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "CREATE TABLE sessions (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
        " source TEXT NOT NULL, bundle TEXT NOT NULL, hop REAL NOT NULL,"
        " began REAL NOT NULL, until REAL NOT NULL, entries INTEGER NOT NULL)",
        "CREATE TABLE events (id INTEGER PRIMARY KEY,"
        " session INTEGER NOT NULL REFERENCES sessions (id), tag TEXT NOT NULL,"
        " began REAL NOT NULL, ended REAL NOT NULL,"
        " at REAL NOT NULL, at_end REAL NOT NULL,"
        " peak REAL NOT NULL, mean REAL NOT NULL, branch TEXT NOT NULL)",
        "CREATE INDEX events_by_time ON events (began)",
        "CREATE INDEX events_by_tag ON events (tag COLLATE NOCASE, began)",
    ),
    (
        "CREATE TABLE minutes (id INTEGER PRIMARY KEY,"
        " session INTEGER NOT NULL REFERENCES sessions (id), minute INTEGER NOT NULL,"
        " tagged REAL NOT NULL, level REAL NOT NULL)",
        "CREATE INDEX minutes_by_time ON minutes (minute)",
        "CREATE TABLE minute_tags (minute INTEGER NOT NULL REFERENCES minutes (id),"
        " tag TEXT NOT NULL, above REAL NOT NULL, peak REAL NOT NULL, mean REAL NOT NULL,"
        " PRIMARY KEY (minute, tag)) WITHOUT ROWID",
        "CREATE TABLE gaps (id INTEGER PRIMARY KEY,"
        " session INTEGER NOT NULL REFERENCES sessions (id),"
        " began REAL NOT NULL, ended REAL NOT NULL)",
        "CREATE INDEX gaps_by_session ON gaps (session, began)",
    ),
)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open a history file, made where it does not exist, and bring it to the newest version.

    Returns:
        A connection in autocommit mode. With ``transaction``, what is committed outlasts the end
        of the process at any moment, and a loss of power.

    Raises:
        EarmarkError: If the file is not a history, is of a newer version, or cannot be opened. It
            is left as it was.
    """
    with _told(path):
        _check_file(path)
        if path.exists() and path.stat().st_size:
            # Looked at by a connection that cannot write: a file of another program stays as it is.
            with closing(_connect(path, "ro")) as looking:
                _version(looking, path)
        connection = _connect(path, "rwc")
        try:
            if _version(connection, path) < len(MIGRATIONS):
                _migrate(connection, path)
            _check_tables(connection, path)
            # Readers and the writer do not wait for each other. Once set, it stays in the file.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a history file to read it, while another process may write to it.

    A file of an older version is brought to the newest first.

    Raises:
        EarmarkError: If there is no such file, it is not a history, is of a newer version, or
            cannot be read.
    """
    with _told(path):
        if not path.exists():
            raise EarmarkError(
                f"there is no history {path}; `earmark live --history {path}` writes it"
            )
        _check_file(path)
        connection, version = _looked_at(path)
        if version < len(MIGRATIONS):
            connection.close()
            open_for_writing(path).close()
            connection = _connect(path, "ro")
        try:
            _check_tables(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all that is written within, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors, such as a full disk, have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what is wrong with the file rather than with SQLite."""
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorname == "SQLITE_NOTADB":
            raise EarmarkError(
                f"{path} is not an SQLite database, so not a history either; it is left as it is: "
                "give the name of a new file"
            ) from error
        raise EarmarkError(
            f"the history {path} cannot be opened: {error}; look at its folder, its permissions "
            "and the space on the disk, or give another file"
        ) from error
    except OSError as error:
        raise EarmarkError(
            f"the history {path} cannot be opened: {error.strerror or error}"
        ) from error


def _check_file(path: Path) -> None:
    # Opening a pipe waits for somebody to write into it.
    if path.exists() and not path.is_file():
        raise EarmarkError(
            f"the history {path} cannot be opened: it is not a file; give the name of a file"
        )


def _check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that what is asked is a table: a view may stand for anything, and never end."""
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_master").fetchall())
    made = re.findall(r"CREATE TABLE (\w+)", " ".join(map(" ".join, MIGRATIONS)))
    broken = [name for name in made if kinds.get(name) != "table"]
    if broken:
        raise EarmarkError(
            f"the history {path} is damaged, it has no table {broken[0]}; it is left as it is: "
            f"`sqlite3 {path} .dump` shows what is left, and live goes on in a new file"
        )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
    )
    # Bytes that are no UTF-8 would fail the whole question.
    connection.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
    return connection


def _looked_at(path: Path) -> tuple[sqlite3.Connection, int]:
    """Return a connection that reads, and the version."""
    try:
        return _identified(path, "ro")
    except sqlite3.OperationalError:
        # To read beside a writer SQLite needs a file of its own there, which a full disk or a
        # folder that cannot be written to refuses. Where no writer left anything, none is needed.
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _identified(path, "ro&immutable=1")


def _identified(path: Path, mode: str) -> tuple[sqlite3.Connection, int]:
    connection = _connect(path, mode)
    try:
        return connection, _version(connection, path)
    except BaseException:
        connection.close()
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a history, 0 of an empty database."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (owner or version or tables):
        raise EarmarkError(
            f"{path} is an SQLite database of another program (application id {owner}, version "
            f"{version}); it is left as it is: give the name of a new file"
        )
    if version > len(MIGRATIONS):
        raise EarmarkError(
            f"{path} is a history of version {version}, and this Earmark knows up to "
            f"{len(MIGRATIONS)}: update Earmark, or give the name of a new file"
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection):
        # Asked again: another process may have been faster.
        for step in MIGRATIONS[_version(connection, path) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
