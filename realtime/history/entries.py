"""What is written into a history file."""

import sqlite3
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One run that is written down.

    Args:
        key: Of this run alone.
        source: Name of what is heard.
        bundle: Name of the model.
        hop: Seconds between windows.
        began: Seconds since 1970.
    """

    key: str
    source: str
    bundle: str
    hop: float
    began: float


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An event at its time of day.

    Args:
        tag: Its name.
        began: Seconds since 1970.
        ended: Likewise.
        at: Seconds of the stream at which it began.
        at_end: And at which it ended.
        peak: Highest smoothed probability.
        mean: Mean smoothed probability.
        branch: The branch that was surest of it.
    """

    tag: str
    began: float
    ended: float
    at: float
    at_end: float
    peak: float
    mean: float
    branch: str

    def insert(self, connection: sqlite3.Connection, session: int) -> None:
        """Write it."""
        connection.execute(
            "INSERT INTO events (session, tag, began, ended, at, at_end, peak, mean, branch)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                session,
                self.tag,
                self.began,
                self.ended,
                self.at,
                self.at_end,
                self.peak,
                self.mean,
                self.branch,
            ),
        )


@dataclass(frozen=True, slots=True)
class TagMinute:
    """A tag in a minute.

    Args:
        tag: Its name.
        above: Seconds in which windows reached its threshold.
        peak: Highest probability of a window, not smoothed.
        mean: Mean probability of the minute's windows.
    """

    tag: str
    above: float
    peak: float
    mean: float


@dataclass(frozen=True, slots=True)
class MinuteEntry:
    """What was heard in a minute of the wall clock, or in as much of it as was listened to.

    Args:
        minute: When it began, in whole seconds since 1970.
        ended: When its last window was heard (s since 1970).
        tagged: Seconds that windows speak for; silence that stands for a gap is among them.
        level: Root mean square of what was heard (dBFS, -120 at the least).
        tags: That reached their threshold.
    """

    minute: int
    ended: float
    tagged: float
    level: float
    tags: tuple[TagMinute, ...]

    def insert(self, connection: sqlite3.Connection, session: int) -> None:
        """Write it."""
        row = connection.execute(
            "INSERT INTO minutes (session, minute, tagged, level) VALUES (?, ?, ?, ?)",
            (session, self.minute, self.tagged, self.level),
        ).lastrowid
        connection.executemany(
            "INSERT INTO minute_tags (minute, tag, above, peak, mean) VALUES (?, ?, ?, ?, ?)",
            [(row, tag.tag, tag.above, tag.peak, tag.mean) for tag in self.tags],
        )


@dataclass(frozen=True, slots=True)
class GapEntry:
    """A stretch that was not heard.

    Args:
        began: Seconds since 1970.
        ended: Likewise.
    """

    began: float
    ended: float

    def insert(self, connection: sqlite3.Connection, session: int) -> None:
        """Write it."""
        connection.execute(
            "INSERT INTO gaps (session, began, ended) VALUES (?, ?, ?)",
            (session, self.began, self.ended),
        )


Entry: TypeAlias = EventEntry | MinuteEntry | GapEntry
