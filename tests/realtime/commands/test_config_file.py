import argparse
from pathlib import Path

import pytest
import soundfile

from earmark.__main__ import main
from earmark.models.errors import UsageError
from earmark.realtime.commands import live
from earmark.realtime.commands.config_file import config_words


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(add_help=False)
    live.add_arguments(made)
    return made


@pytest.fixture
def recording(noise, tmp_path: Path) -> Path:
    path = tmp_path / "street.wav"
    soundfile.write(path, noise(seconds=1.5), 16_000)
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "live.toml"
    path.write_text(text)
    return path


def test_keys_are_the_long_options_with_dashes_or_underscores(parser, tmp_path) -> None:
    text = 'hop = 0.2\nmerge_gap = 1.5\n"all-tags" = true\nevents = false\ntags = "Dog,Rain"\n'
    words = config_words(written(tmp_path, text), parser)
    args = parser.parse_args(words)
    assert (args.hop, args.merge_gap, args.all_tags, args.events) == (0.2, 1.5, True, False)
    assert args.tags == "Dog,Rain"


def test_command_line_goes_before_the_file(tiny_bundle_folder, recording, tmp_path, capsys) -> None:
    config = written(tmp_path, 'format = "csv"\nhop = 0.5\n')
    words = ["live", str(recording), "--bundle", str(tiny_bundle_folder), "--device", "cpu"]
    assert main([*words, "--config", str(config), "--format", "jsonl"]) == 0
    starts = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert starts
    assert all('"start": ' in line for line in starts)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hopp = 0.2", "unknown key 'hopp'"),
        ("hop = true", "hop takes a value"),
        ("events = 3", "events is true or false"),
        ("[speech]\nhost = 'here'", "unknown key 'speech'"),
        ("[hop]\nvalue = 1", "hop takes a value, not a table"),
        ("hop = ", "is not valid TOML"),
    ],
)
def test_wrong_key_or_value_is_named(parser, tmp_path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        config_words(written(tmp_path, text), parser)


def test_value_that_an_option_cannot_have_is_refused_with_the_option(tmp_path, capsys) -> None:
    config = written(tmp_path, "hop = 7.0\n")
    assert main(["live", "x.wav", "--config", str(config)]) == 2
    assert "--hop must lie between 0.025 and 1 second, got 7.0" in capsys.readouterr().err


def test_file_that_is_not_there_is_named(tmp_path, capsys) -> None:
    assert main(["live", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
