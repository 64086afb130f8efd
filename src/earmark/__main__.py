"""The ``earmark`` command: one table of commands, each imported only when it is asked for."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol, cast


class CommandModule(Protocol):
    """What a module behind a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments; imports nothing heavy."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit status."""


class _Parser(argparse.ArgumentParser):
    """Tells wrong usage in one line, and where to read on."""

    def error(self, message: str) -> NoReturn:
        from earmark.models.shown import shown

        self.exit(2, f"{self.prog}: {shown(message)}; see `{self.prog} --help`\n")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Names defaults where there are any: that an option is not given says nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        is_said = action.default not in (None, False, [], argparse.SUPPRESS)
        return super()._get_help_string(action) if is_said else action.help


class _Version(argparse.Action):
    """Looks the release up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="say which release this is, and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from earmark.models.release import release

        print(f"earmark {release() or 'of its folder, not installed'}")
        parser.exit()


@dataclass(frozen=True)
class Command:
    """One line of the command table.

    Args:
        module: Behind it.
        summary: One line, for ``earmark --help``.
        leaves_at_once: Whether the process ends with the command: nothing of it is left to the
            interpreter's own end.
    """

    module: str
    summary: str
    leaves_at_once: bool = False


COMMANDS = {
    "app": Command("earmark.realtime.commands.app", "open the desktop app"),
    "live": Command(
        "earmark.realtime.commands.live", "tag a microphone in the terminal", leaves_at_once=True
    ),
    "file": Command("earmark.realtime.commands.file", "tag files, folders, globs or raw PCM on -"),
    "history": Command(
        "earmark.realtime.commands.history", "list, export and draw what live has written down"
    ),
    "teach": Command("earmark.realtime.commands.teach", "add tags of your own from a few clips"),
    "devices": Command("earmark.realtime.commands.devices", "list input devices"),
    "info": Command("earmark.realtime.commands.info", "describe a bundle and how good it is"),
    "tags": Command("earmark.realtime.commands.tags", "list what a bundle can hear, and how well"),
    "bench": Command("earmark.realtime.commands.bench", "measure how fast it is on this machine"),
    "doctor": Command("earmark.realtime.commands.doctor", "check audio, GPU and bundle"),
    "train": Command("earmark.training.train", "train a recipe on a data set"),
    "evaluate": Command("earmark.training.evaluate", "measure a bundle or a run on a fold"),
    "export": Command("earmark.training.export", "turn a trained run into a bundle"),
}


def build_parser(asked: str | None) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the one command that was asked for.

    Args:
        asked: Name of the command on the command line, or None. Only its module is imported, so
            that ``earmark --help`` answers at once.
    """
    parser = _Parser(
        prog="earmark",
        description="Hear what is sounding: live from a microphone or in files, in four views.",
        epilog="`earmark COMMAND --help` explains a command.",
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=command.summary,
            description=command.summary[0].upper() + command.summary[1:] + ".",
            formatter_class=_Help,
        )
        if name == asked:
            _module_of(command).add_arguments(subparser)
    return parser


def _module_of(command: Command) -> CommandModule:
    # A module is no declared instance of a protocol; its two functions are what is promised.
    return cast("CommandModule", importlib.import_module(command.module))


def _with_config(args: argparse.Namespace, arguments: list[str]) -> argparse.Namespace:
    """Return the arguments with the options of a file beneath those of the command line."""
    from earmark.realtime.commands.config_file import config_words

    alone = argparse.ArgumentParser(add_help=False)
    _module_of(COMMANDS[args.command]).add_arguments(alone)
    words = config_words(args.config, alone)
    behind = arguments.index(args.command) + 1
    return build_parser(args.command).parse_args([*arguments[:behind], *words, *arguments[behind:]])


def _asked(arguments: list[str]) -> str | None:
    return next((word for word in arguments if word in COMMANDS), None)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the arguments as the command asked for declares them, or end with a line."""
    word = arguments[0]
    if not word.startswith("-") and word not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]!r}?" if near else ""
        _Parser(prog="earmark").error(f"there is no command {word!r}{hint}")
    args, foreign = build_parser(_asked(arguments)).parse_known_args(arguments)
    if foreign:
        _Parser(prog=f"earmark {args.command}").error(f"it does not know {foreign[0]!r}")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Returns:
        0 when all went well, 1 when some input failed, 2 for wrong usage, 130 when interrupted.
    """
    arguments = sys.argv[1:] if argv is None else argv
    # Alone, it is the app.
    arguments = arguments or ["app"]
    args = _parsed(arguments)

    from earmark.models.errors import EarmarkError, UsageError
    from earmark.models.shown import shown

    try:
        if getattr(args, "config", None) is not None:
            args = _with_config(args, arguments)
        return _module_of(COMMANDS[args.command]).run(args)
    except EarmarkError as error:
        print(f"earmark: {shown(str(error))}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`earmark file ... | head`): nothing is left to say.
        return 0
    except OSError as error:
        # Expected by no command: most often a full disk behind what it prints.
        where = f": {error.filename}" if error.filename else ""
        print(f"earmark: {shown(f'{error.strerror or error}{where}')}", file=sys.stderr)
        return 1


def program() -> NoReturn:
    """Run the command line as a program of its own, and end the process."""
    # Closed streams are None, which nothing can be written to.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
    status = main()
    try:
        sys.stdout.flush()
    except OSError as error:
        from earmark.realtime.files.formats.guarded import let_go

        let_go(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            print(f"earmark: cannot write standard output: {error.strerror}", file=sys.stderr)
            status = status or 1
    asked = _asked(sys.argv[1:])
    if asked is None or not COMMANDS[asked].leaves_at_once:
        sys.exit(status)
    # A service is to be gone when it has closed all that it had open. What torch and ONNX Runtime
    # do at the interpreter's end (their pools of threads, their memory) takes longer than all of
    # that, seconds on a busy machine; and the system frees it anyway.
    os._exit(status)


if __name__ == "__main__":
    program()
