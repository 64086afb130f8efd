import os

import pytest

from earmark.models.errors import JsonError
from earmark.models.json_files import (
    MOST_BYTES,
    MOST_LEVELS,
    number_of,
    numbers_of,
    read_json,
    read_object,
    text_of,
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe{\x00", "not valid JSON"),
        (b'{"a": NaN}', "must be finite, got NaN"),
        (b'{"a": -Infinity}', "must be finite, got -Infinity"),
        (b'{"a": 1e999}', "must be finite, got 1e999"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "20 digits, got 5000"),
        (b"[" * 100 + b"]" * 100, "deeper than the 32 levels"),
        (b"[" * 1_000_000, "deeper than the 32 levels"),
        (b'{"a":' * 100_000, "deeper than the 32 levels"),
        (b"[]", "must hold an object"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_each_refusal_is_one_line_that_names_the_file(tmp_path, content, reason) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(JsonError, match=reason) as caught:
        read_object(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_allowed_levels_are_read(tmp_path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" * (MOST_LEVELS - 1) + "1" + "]" * (MOST_LEVELS - 1))
    assert isinstance(read_json(path), list)


def test_file_is_not_read_beyond_what_is_allowed(tmp_path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)  # takes no room
    with pytest.raises(JsonError, match=f"larger than the {MOST_BYTES >> 20} MB"):
        read_json(path)


def test_what_may_never_end_is_not_opened(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(JsonError, match="is not a file"):
            read_json(path)


def test_missing_file_is_left_to_who_asked(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("value", ["1", [True], ["1"], [None], [[1.0]], {"a": 1}, 1.0])
def test_numbers_are_nothing_else(value) -> None:
    with pytest.raises(TypeError, match="made of numbers"):
        numbers_of(value, "weight")


@pytest.mark.parametrize("value", [1e39, -1e300, 1e38, 10**20, -1_000_001])
def test_number_that_sums_of_products_may_overflow_with_is_refused(value) -> None:
    with pytest.raises(ValueError, match=r"numbers from -1e6 to 1e6"):
        number_of(value, "bias")


@pytest.mark.parametrize("value", [1e6, -1_000_000, 0])
def test_number_within_bounds_is_taken(value) -> None:
    assert number_of(value, "bias") == value


@pytest.mark.parametrize("value", ["a\x1b[2J", "a\nb", "x" * 201, "\ud800"])
def test_text_cannot_steer_a_terminal(value) -> None:
    with pytest.raises(ValueError, match="printable characters"):
        text_of(value, "name")
