"""Options of a command out of a TOML file, as if they were on the command line."""

import argparse
import tomllib
from pathlib import Path

from earmark.models.errors import UsageError


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Declare ``--config``."""
    parser.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="TOML file with options by their long names, such as hop = 0.2; what stands on the "
        "command line goes before it",
    )


def config_words(path: Path, parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a file as words of a command line.

    Args:
        path: A TOML file: ``true`` for an option without a value, a list for one given many times.
        parser: Of the command; only what it knows may stand in the file.

    Raises:
        UsageError: If the file cannot be read, or a key or its value is not one of the command's.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"--config {path} is not valid TOML: {error}") from error
    known = _options_of(parser)
    words: list[str] = []
    for key, value in table.items():
        name = key.replace("_", "-")
        if name not in known:
            raise UsageError(
                f"--config {path}: unknown key {key!r}; known are {', '.join(sorted(known))}"
            )
        words += _words(path, key, name, value, takes_value=known[name])
    return words


def _options_of(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """Return the long names of a parser's options, and whether each takes a value."""
    return {
        option.removeprefix("--"): action.nargs != 0
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option not in ("--help", "--config")
    }


def _words(path: Path, key: str, name: str, value: object, *, takes_value: bool) -> list[str]:
    if isinstance(value, bool):
        if takes_value:
            raise UsageError(f"--config {path}: {key} takes a value, not {str(value).lower()}")
        return [f"--{name}"] if value else []
    if not takes_value:
        raise UsageError(f"--config {path}: {key} is true or false, not {value!r}")
    if isinstance(value, dict):
        raise UsageError(f"--config {path}: {key} takes a value, not a table")
    given = value if isinstance(value, list) else [value]
    # One word for both: a value may begin with a dash.
    return [f"--{name}={item}" for item in given]
