"""Rows of a history that can be what Earmark wrote: SQLite keeps any value in any column."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

#: Moments from 1970 to the year 9999, less a day for its zones.
LATEST: Final = 253_402_214_400

# A stream of thirty thousand years.
_LONGEST = 1e12

_LOUDEST = 1e3


def _number(column: str, least: float, most: float) -> str:
    # To SQLite text and bytes lie above all numbers.
    return f"{column} BETWEEN {least} AND {most}"


def _all(*conditions: str) -> str:
    return " AND ".join(conditions)


def _text(column: str) -> str:
    return f"typeof({column}) = 'text'"


def _moments(*columns: str) -> str:
    return _all(*(_number(column, 0, LATEST) for column in columns))


#: By table, what holds for a sound row, in SQL; events are ``e``, sessions ``s``, minutes ``m``.
SOUND: Final[Mapping[str, str]] = {
    "sessions": _all(_moments("s.began", "s.until"), _text("s.source")),
    "events": _all(
        _moments("e.began", "e.ended"),
        _text("e.tag"),
        _text("e.branch"),
        _number("e.at", 0, _LONGEST),
        _number("e.at_end", 0, _LONGEST),
        _number("e.peak", 0, 1),
        _number("e.mean", 0, 1),
    ),
    "minutes": _all(
        _moments("m.minute"),
        _number("m.tagged", 0, _LONGEST),
        _number("m.level", -_LOUDEST, _LOUDEST),
    ),
    "minute_tags": _all(
        _text("tag"),
        _number("above", 0, _LONGEST),
        _number("peak", 0, 1),
        _number("mean", 0, 1),
    ),
    "gaps": _moments("began", "ended"),
}

_ALIAS: Final = {"sessions": "s", "events": "e", "minutes": "m"}


def damaged(connection: sqlite3.Connection, tables: Iterable[str]) -> str:
    """Return in words how many rows of tables cannot be shown; empty where all are sound."""
    counts = {
        table: connection.execute(
            f"SELECT count(*) FROM {table} {_ALIAS.get(table, '')} WHERE ({SOUND[table]}) IS NOT 1"
        ).fetchone()[0]
        for table in tables
    }
    return ", ".join(f"{count} of {table}" for table, count in counts.items() if count)
