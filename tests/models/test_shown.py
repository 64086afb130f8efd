import os

import pytest

from earmark.models.errors import EarmarkError, exit_status
from earmark.models.shown import shown


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Dog bark", "Dog bark"),
        ("Müll 犬 👩\u200d🚒", "Müll 犬 👩\u200d🚒"),
        ("\x1b[31mEvil\x1b[2J", "\\x1b[31mEvil\\x1b[2J"),
        ("\x9b31m\x07\x00", "\\x9b31m\\x07\\x00"),
        ("one\ntwo\r\u2028three", "one\\ntwo\\r\\u2028three"),
        ("safe\u202eexe.wav", "safe\\u202eexe.wav"),
        (os.fsdecode(b"b\xff.wav"), "b\\xff.wav"),
        ("\udcff\ud800", "\\xff\\ud800"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_steers_a_terminal_is_escaped_and_all_else_stays(text, wanted) -> None:
    assert shown(text) == wanted
    assert shown(wanted) == wanted
    shown(text).encode("utf-8")


def test_error_of_a_tool_cannot_steer_a_terminal(capsys) -> None:
    def fail() -> int:
        raise EarmarkError("\x1b[2J is missing")

    assert exit_status(fail) == 1
    assert capsys.readouterr().err == "earmark: \\x1b[2J is missing\n"
