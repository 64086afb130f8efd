"""The example of a service says what the command understands."""

import configparser
import re
import shlex
from pathlib import Path

import pytest

from earmark.__main__ import build_parser
from earmark.realtime.commands.config_file import config_words

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "assets" / "earmark-live.service"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=True)
    found.optionxform = str
    found.read_string(UNIT.read_text(encoding="utf-8"))
    return found


def test_service_starts_live_with_a_file_of_options_and_is_started_again(unit) -> None:
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/earmark")
    args = build_parser(words[0]).parse_args(words)
    assert (args.command, args.wait, args.config.name) == ("live", True, "live.toml")
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Install"]["WantedBy"] == "default.target"


def test_service_is_not_kept_from_sound_nor_from_compiling(unit) -> None:
    hindering = {"MemoryDenyWriteExecute", "RestrictRealtime", "PrivateDevices", "ProtectHome"}
    assert not hindering & set(unit["Service"])
    assert "AF_UNIX" in unit["Service"]["RestrictAddressFamilies"]


def test_options_shown_for_the_service_are_understood(tmp_path) -> None:
    page = (ROOT / "docs" / "listening.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(# ~/.config/earmark/live.toml\n.*?)```", page, re.DOTALL)
    (tmp_path / "live.toml").write_text(shown)
    parser = build_parser("live")
    # The options of the command alone, as `earmark live --config` reads them.
    live = next(a for a in parser._actions if a.dest == "command").choices["live"]
    args = live.parse_args(config_words(tmp_path / "live.toml", live))
    assert args.serve == "8080"
    assert args.history
