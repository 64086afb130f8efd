"""Writes entries into a history file from a thread of its own, whatever happens to the disk."""

import contextlib
import logging
import os
import sqlite3
import threading
from collections import deque
from pathlib import Path

from earmark.models.errors import EarmarkError

from .entries import Entry, SessionEntry
from .schema import open_for_writing, transaction

_LOG = logging.getLogger("earmark")

# Half a day of trouble with an event each other second: a few megabytes of memory.
_MOST_WAITING = 20_000

_AT_ONCE = 1_000

_CLOSING_SECONDS = 5.0

# What SQLite says of an entry, whatever the state of the disk; trying again changes nothing.
_UNFIT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)

_MOST_TOLD = 200


class HistoryWriter:
    """Keeps what is to be written until it is committed.

    While the file cannot be written (disk full, folder gone, locked by another program), that is
    logged once; the entries wait, and it is tried again. A file that was deleted is made anew; a
    folder never is: a disk that was pulled out must not go on in its mount point's place. An entry
    that SQLite refuses is left out, counted and named, and those around it are written.

    Args:
        path: Of the file.
        session: Whose entries they are.
        patience: Longest that ``settle`` waits (s).
        retry: Pause before another attempt (s).

    Raises:
        EarmarkError: If the file is not a history, or cannot be written at the start.
    """

    def __init__(
        self, path: Path, session: SessionEntry, *, patience: float = 0.25, retry: float = 5.0
    ) -> None:
        self._path = path
        self._session = session
        self._patience = patience
        self._retry = retry
        self._waiting: deque[tuple[int, Entry]] = deque()
        self._added = 0
        self._lost = 0
        self._refused = 0
        self._changed = threading.Condition()
        self._is_behind = False
        self._is_closing = False
        self._connection: sqlite3.Connection | None = None
        self._row = self._written = 0
        self._identity = (0, 0)
        try:
            self._connect().close()
        except sqlite3.Error as error:
            raise EarmarkError(f"the history {path} cannot be written: {error}") from error
        self._thread = threading.Thread(target=self._run, name="earmark history", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Have an entry written soon; never waits."""
        with self._changed:
            self._waiting.append((self._added, entry))
            self._added += 1
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popleft()
                self._lost += 1
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until all is committed; not for long, and not while it is known to take long."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: not self._waiting or self._is_behind, self._patience
            ):
                self._fall_behind("the disk does not answer")

    def close(self) -> None:
        """Write what waits, for five seconds at most. Safe to call twice."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout=_CLOSING_SECONDS)

    def _run(self) -> None:
        try:
            while batch := self._next():
                is_last_attempt = self._is_closing
                try:
                    self._commit(batch)
                except (sqlite3.Error, OSError, EarmarkError) as error:
                    self._disconnect()
                    with self._changed:
                        self._fall_behind(str(error))
                        if is_last_attempt:
                            _LOG.error(
                                "%d entries of the history %s are lost",
                                len(self._waiting) + self._lost, self._path,
                            )  # fmt: skip
                            return
                        self._changed.wait_for(lambda: self._is_closing, self._retry)
                else:
                    self._committed(batch[-1][0])
        finally:
            self._disconnect()

    def _next(self) -> list[tuple[int, Entry]]:
        """Return what is to be committed next, waiting for it; nothing once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            return [self._waiting[i] for i in range(min(len(self._waiting), _AT_ONCE))]

    def _committed(self, last: int) -> None:
        with self._changed:
            while self._waiting and self._waiting[0][0] <= last:
                self._waiting.popleft()
            if self._is_behind and not self._waiting:
                self._is_behind = False
                lost = f"; {self._lost} entries are lost" if self._lost else ", nothing is lost"
                _LOG.warning("the history %s is written again%s", self._path, lost)
                self._lost = 0
            self._changed.notify_all()

    def _fall_behind(self, why: str) -> None:
        if not self._is_behind:
            self._is_behind = True
            _LOG.warning(
                "the history %s cannot be written: %s; its entries wait, and it is tried again",
                self._path, why,
            )  # fmt: skip
        self._changed.notify_all()

    def _commit(self, batch: list[tuple[int, Entry]]) -> None:
        try:
            self._write(batch)
        except _UNFIT:
            # Connected anew: it may be the session that another program has deleted.
            self._disconnect()
            for number, entry in batch:
                try:
                    self._write([(number, entry)])
                except _UNFIT as error:
                    self._leave_out(entry, error)
                self._committed(number)

    def _leave_out(self, entry: Entry, error: Exception) -> None:
        self._refused += 1
        # Each of them would fill the log, if all are alike.
        if str(self._refused).strip("0") == "1":
            _LOG.warning(
                "the history %s cannot take %s: %s; it is left out (%d so far), and others are "
                "written",
                self._path, repr(entry)[:_MOST_TOLD], error, self._refused,
            )  # fmt: skip

    def _write(self, batch: list[tuple[int, Entry]]) -> None:
        if self._connection is not None and not self._is_in_place():
            self._disconnect()
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        with transaction(connection):
            for number, entry in batch:
                # An attempt may have failed after all of it had reached the disk.
                if number >= self._written:
                    entry.insert(connection, self._row)
            until = max(entry.ended for _, entry in batch)
            connection.execute(
                "UPDATE sessions SET entries = ?, until = max(until, ?) WHERE id = ?",
                (batch[-1][0] + 1, until, self._row),
            )

    def _is_in_place(self) -> bool:
        """Return whether the open file is still the one of that name.

        SQLite would go on writing into a file that was deleted, and nobody would ever see it.
        """
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _connect(self) -> sqlite3.Connection:
        connection = open_for_writing(self._path)
        try:
            found = os.stat(self._path)
            self._identity = (found.st_dev, found.st_ino)
            new = self._session
            with transaction(connection):
                connection.execute(
                    "INSERT INTO sessions (key, source, bundle, hop, began, until, entries)"
                    " VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (key) DO NOTHING",
                    (new.key, new.source, new.bundle, new.hop, new.began, new.began),
                )
            self._row, self._written = connection.execute(
                "SELECT id, entries FROM sessions WHERE key = ?", (new.key,)
            ).fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
