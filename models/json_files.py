"""JSON of unknown origin: read within limits, or refused in one line that says why."""

import json
import math
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from .errors import JsonError

#: Of a file; the shipped bundle's description has 0.1 MB.
MOST_BYTES: Final = 16 * 2**20

#: Lists and objects inside each other.
MOST_LEVELS: Final = 32

#: Of a text that is shown, such as a name.
MOST_CHARACTERS: Final = 200

#: Of a number that is computed with. What was learnt lies far below, and a few hundred products of
#: numbers up to it are far from the largest of float32.
LARGEST: Final = 1e6

_MOST_DIGITS = 20


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        FileNotFoundError: If there is no such file.
        JsonError: If it cannot be read, is no regular file, larger than ``MOST_BYTES``, no JSON,
            nested deeper than ``MOST_LEVELS``, or holds a number that is not finite.
    """
    try:
        # A pipe or a device may never end.
        if path.exists() and not path.is_file():
            raise JsonError(f"{path} is not a file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JsonError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise JsonError(f"{path} is larger than the {MOST_BYTES >> 20} MB that are allowed")
    try:
        return parse_json(content.decode("utf-8"))
    except ValueError as error:
        raise JsonError(f"{path} is not valid JSON: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        FileNotFoundError: As for ``read_json``.
        JsonError: Likewise, or if it holds something else.
    """
    table = read_json(path)
    if not isinstance(table, dict):
        raise JsonError(f"{path} must hold an object")
    return table


def parse_json(text: str) -> Any:
    """Return what a JSON text holds.

    Raises:
        ValueError: If it is no JSON, nested too deeply, or holds a number that is not finite.
    """
    too_deep = f"it is nested deeper than the {MOST_LEVELS} levels that are allowed"
    try:
        value = json.loads(
            text, parse_constant=_not_a_number, parse_float=_finite, parse_int=_whole
        )
    except RecursionError as error:
        raise ValueError(too_deep) from error
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ValueError(too_deep)


def text_of(value: object, name: str) -> str:
    """Return a text that may be shown.

    Raises:
        TypeError: If it is no text.
        ValueError: If it is too long, or holds characters that would steer a terminal.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text")
    if len(value) > MOST_CHARACTERS or not value.isprintable():
        raise ValueError(
            f"{name} must be at most {MOST_CHARACTERS} printable characters, got {value[:40]!r}"
        )
    return value


def number_of(value: object, name: str) -> float:
    """Return a number that can be computed with.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is beyond ``LARGEST``.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number")
    numbers_of([value], name)
    return float(value)


def numbers_of(value: object, name: str) -> NDArray[np.float32]:
    """Return a list of numbers as (numbers,) float32.

    Raises:
        TypeError: If it is no list of numbers.
        ValueError: If one is beyond ``LARGEST``.
    """
    # Truth values count as whole numbers to Python.
    if not isinstance(value, list) or not all(type(item) in (int, float) for item in value):
        raise TypeError(f"{name} must be made of numbers")
    largest = max(map(abs, value), default=0)
    if not largest <= LARGEST:
        raise ValueError(
            f"{name} must be made of numbers from -1e6 to 1e6, got one of size {largest:.3g}"
        )
    return np.array(value, np.float32)


def object_of(value: object, name: str) -> dict[str, object]:
    """Return an object.

    Raises:
        TypeError: If it is something else.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object")
    return value


def reason_of(error: KeyError | TypeError | ValueError) -> str:
    """Return in words why fields could not be read; a ``KeyError`` is one that is missing."""
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, got {name}")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"numbers must be finite, got {digits[:40]}")
    return value


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"whole numbers may have {_MOST_DIGITS} digits, got {len(digits)} of them")
    return int(digits)
