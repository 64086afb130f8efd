"""What a history file is asked."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from earmark.models.shown import shown
from earmark.realtime.files.records import Record

from .sound_rows import SOUND

_MOST_ROWS = 2**63 - 1  # that SQLite can count

# A row whose session is damaged is still what was heard.
_SOURCE = "coalesce(CAST(s.source AS TEXT), '')"


@dataclass(frozen=True)
class Choice:
    """Which part of a history is wanted.

    Args:
        tags: Names, in upper or lower case; none: all.
        since: Only what began from then on (s since 1970).
        until: Only what began before then.
        newest: Only so many, the newest; None: all.
    """

    tags: Sequence[str] = ()
    since: float = 0.0
    until: float = float("inf")
    newest: int | None = None

    @property
    def _limit(self) -> int:
        # To SQLite, a negative limit is none.
        return -1 if self.newest is None else min(self.newest, _MOST_ROWS)

    def _tags_in(self, column: str) -> str:
        if not self.tags:
            return "1"
        return f"{column} COLLATE NOCASE IN ({', '.join('?' * len(self.tags))})"


def events(connection: sqlite3.Connection, choice: Choice) -> Iterator[Record]:
    """Give the events of a history, the oldest first.

    A record is that of an event heard live: ``start`` and ``end`` are seconds of its session's
    stream, ``time`` is when it began.
    """
    rows = connection.execute(
        f"SELECT * FROM (SELECT e.id, {_SOURCE} AS source, tag, e.began, at, at_end, peak, mean,"
        " branch FROM events e LEFT JOIN sessions s ON s.id = e.session"
        f" WHERE e.began >= ? AND e.began < ? AND {choice._tags_in('tag')} AND {SOUND['events']}"
        " ORDER BY e.began DESC, e.id DESC LIMIT ?) ORDER BY began, id",
        (choice.since, choice.until, *choice.tags, choice._limit),
    )
    for _, source, tag, began, at, at_end, peak, mean, branch in rows:
        yield {
            "file": shown(source),
            "tag": shown(tag),
            "start": at,
            "end": at_end,
            "peak": peak,
            "mean": mean,
            "branch": shown(branch),
            "time": iso(began),
        }


def minutes(connection: sqlite3.Connection, choice: Choice) -> Iterator[Record]:
    """Give the minutes of a history, the oldest first.

    ``tagged`` is how many seconds windows speak for, ``gap`` how many were not heard, ``level`` is
    in dBFS; each of ``tags`` has its seconds ``above`` the threshold, ``peak`` and ``mean``.
    """
    wanted = choice._tags_in("tag")
    has_tag = f"m.id IN (SELECT minute FROM minute_tags WHERE {wanted})" if choice.tags else "1"
    rows = connection.execute(
        f"SELECT * FROM (SELECT m.id, {_SOURCE} AS source, minute, tagged, level, session"
        " FROM minutes m LEFT JOIN sessions s ON s.id = m.session"
        f" WHERE minute >= ? AND minute < ? AND {has_tag} AND {SOUND['minutes']}"
        " ORDER BY minute DESC, m.id DESC LIMIT ?) ORDER BY minute, id",
        (choice.since, choice.until, *choice.tags, choice._limit),
    )
    for row, source, minute, tagged, level, session in rows:
        (gap,) = connection.execute(
            "SELECT coalesce(sum(min(ended, ?) - max(began, ?)), 0) FROM gaps"
            f" WHERE session = ? AND began < ? AND ended > ? AND {SOUND['gaps']}",
            (minute + 60, minute, session, minute + 60, minute),
        ).fetchone()
        tags = connection.execute(
            f"SELECT tag, above, peak, mean FROM minute_tags WHERE minute = ? AND {wanted}"
            f" AND {SOUND['minute_tags']}"
            " ORDER BY above DESC, tag",
            (row, *choice.tags),
        )
        yield {
            "file": shown(source),
            "time": iso(minute),
            "tagged": tagged,
            "gap": round(gap, 3),
            "level": level,
            "tags": {
                shown(tag): {"above": above, "peak": peak, "mean": mean}
                for tag, above, peak, mean in tags
            },
        }


def spans(connection: sqlite3.Connection, choice: Choice) -> list[tuple[str, float, float]]:
    """Return tag, beginning and end (s since 1970) of the events within a stretch of time.

    Unlike ``events``, this has those that began before it, too.
    """
    rows = connection.execute(
        "SELECT tag, max(e.began, ?), min(e.ended, ?) FROM events e WHERE e.began < ?"
        f" AND e.ended > ? AND {choice._tags_in('tag')} AND {SOUND['events']} ORDER BY e.began",
        (choice.since, choice.until, choice.until, choice.since, *choice.tags),
    )
    return [(shown(tag), began, ended) for tag, began, ended in rows]


def listened(connection: sqlite3.Connection, choice: Choice) -> list[tuple[float, float]]:
    """Return the stretches (s since 1970) in which a session ran."""
    return connection.execute(
        "SELECT max(s.began, ?), min(s.until, ?) FROM sessions s WHERE s.began < ? AND s.until > ?"
        f" AND {SOUND['sessions']}",
        (choice.since, choice.until, choice.until, choice.since),
    ).fetchall()


def contents(connection: sqlite3.Connection) -> str:
    """Return in one line what a history holds, for who did not find what they looked for."""
    count, first, last = connection.execute(
        f"SELECT count(*), min(e.began), max(e.ended) FROM events e WHERE {SOUND['events']}"
    ).fetchone()
    if not count:
        return "it holds no event yet"
    tags = connection.execute(
        f"SELECT tag FROM events e WHERE {SOUND['events']}"
        " GROUP BY tag ORDER BY count(*) DESC LIMIT 8"
    )
    return (
        f"it holds {count} events from {local(first)} to {local(last)}, most of them "
        + ", ".join(shown(tag) for (tag,) in tags)
    )


def iso(moment: float) -> str:
    """Return a moment (s since 1970) as ISO 8601 in local time, with its distance to UTC."""
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")


def local(moment: float) -> str:
    """Return a moment (s since 1970) as people read it here."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"
