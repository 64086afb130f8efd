import re

import pytest

from earmark.__main__ import COMMANDS, main


def said(capsys, *words: str) -> tuple[int, str, str]:
    try:
        status = main(list(words))
    except SystemExit as end:
        status = int(end.code or 0)
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_version_is_said_in_one_line(capsys) -> None:
    status, out, _ = said(capsys, "--version")
    assert status == 0
    assert re.fullmatch(r"earmark \S.*\n", out)


@pytest.mark.parametrize(("word", "meant"), [("fiel", "file"), ("histroy", "history")])
def test_a_misspelt_command_is_guessed(capsys, word: str, meant: str) -> None:
    status, _, err = said(capsys, word)
    assert status == 2
    assert err.startswith(f"earmark: there is no command {word!r}, did you mean {meant!r}?")
    assert len(err.splitlines()) == 1


def test_what_is_like_no_command_points_to_the_list(capsys) -> None:
    status, _, err = said(capsys, "xyzzy")
    assert status == 2
    assert "see `earmark --help`" in err


@pytest.mark.parametrize(
    "words",
    [
        ("history", "h.db", "--limit", "many"),
        ("file", "--no-such-option", "x"),
        ("live", "--hop", "often"),
        ("bench", "1"),
    ],
)
def test_wrong_usage_is_one_line_and_a_pointer(capsys, words: tuple[str, ...]) -> None:
    status, out, err = said(capsys, *words)
    assert status == 2
    assert not out
    assert len(err.splitlines()) == 1
    assert f"earmark {words[0]} --help" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_never_says_that_a_default_is_none(capsys, command: str) -> None:
    status, out, _ = said(capsys, command, "--help")
    assert status == 0
    assert "(default: None)" not in out
    assert "(default: False)" not in out
