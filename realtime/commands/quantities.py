"""Lengths of time, moments, sizes and names as people write them in options."""

import argparse
import re
from datetime import date, datetime, timedelta
from typing import Final

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_LONGEST_NAME: Final = 60
_BYTES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def length_of_time(text: str) -> float:
    """Return the seconds of ``90s``, ``30m``, ``2h``, ``3d`` or ``1w``.

    Raises:
        argparse.ArgumentTypeError: If it is none of these, or not above 0.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip())
    if found is None or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time; write 90s, 30m, 2h, 3d or 1w"
        )
    return float(found[1]) * _SECONDS[found[2]]


def size(text: str) -> int:
    """Return the bytes of ``800KB``, ``500MB``, ``1.5GB`` or ``2TB``, in powers of 1000.

    Raises:
        argparse.ArgumentTypeError: If it is none of these, or less than a byte.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)", text.strip().upper())
    count = 0 if found is None else int(float(found[1]) * _BYTES[found[2]])
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 800KB, 500MB or 1.5GB")
    return count


def length_or_none(text: str) -> float | None:
    """Return the seconds as ``length_of_time`` does; None of ``none``."""
    return None if text == "none" else length_of_time(text)


def size_or_none(text: str) -> int | None:
    """Return the bytes as ``size`` does; None of ``none``."""
    return None if text == "none" else size(text)


def moment(text: str, *, is_end: bool = False, now: datetime | None = None) -> float:
    """Return the seconds since 1970 of ``2h`` ago, a date, or a date with a time.

    Args:
        text: ``2h``, ``2026-03-01``, ``2026-03-01T18:30`` or ``2026-03-01 18:30+01:00``; local
            time where it does not say otherwise.
        is_end: Whether a date means the end of that day rather than its beginning, and a time that
            the clock shows twice the second one.
        now: Where lengths of time count back from; None: now.

    Raises:
        argparse.ArgumentTypeError: If it is none of these.
    """
    try:
        return (datetime.now() if now is None else now).timestamp() - length_of_time(text)
    except argparse.ArgumentTypeError:
        pass
    try:
        found = datetime.fromisoformat(text)
        if is_end and ":" not in text:
            found += timedelta(days=1)
        # Of an hour that the clock repeats, both are meant: from the first, up to the second.
        return (max if is_end else min)(found.replace(fold=fold).timestamp() for fold in (0, 1))
    except (OverflowError, ValueError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write 2h or 3d (ago), 2026-03-01 or 2026-03-01T18:30"
        ) from error


def end_moment(text: str) -> float:
    """Return the seconds since 1970 as ``moment`` does, where a stretch ends then."""
    return moment(text, is_end=True)


def name(text: str) -> str:
    """Return a name that a source may be told by.

    Raises:
        argparse.ArgumentTypeError: If it is empty, too long, or not to be shown in a line.
    """
    text = text.strip()
    if not 0 < len(text) <= _LONGEST_NAME or not text.isprintable():
        raise argparse.ArgumentTypeError(
            f"a name must have 1 to {_LONGEST_NAME} printable characters, got {text[:80]!r}"
        )
    return text


def day(text: str) -> date:
    """Return a day written as ``2026-03-01``.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-03-01") from error
