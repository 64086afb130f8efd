"""The ``earmark`` command: one table of commands, each imported only when it is asked for."""

import argparse
import importlib
import sys
from dataclasses import dataclass
from typing import Protocol, cast


class CommandModule(Protocol):
    """What a module behind a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments; imports nothing heavy."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit status."""


@dataclass(frozen=True)
class Command:
    """One line of the command table."""

    module: str
    summary: str


COMMANDS = {
    "live": Command("earmark.realtime.commands.live", "tag a microphone in the terminal"),
    "file": Command("earmark.realtime.commands.file", "tag files, folders, globs or raw PCM on -"),
    "devices": Command("earmark.realtime.commands.devices", "list input devices"),
    "info": Command("earmark.realtime.commands.info", "describe a bundle and how good it is"),
    "doctor": Command("earmark.realtime.commands.doctor", "check audio, GPU and bundle"),
    "train": Command("earmark.training.train", "train a recipe on a data set"),
    "evaluate": Command("earmark.training.evaluate", "measure a bundle or a run on a fold"),
    "export": Command("earmark.training.export", "turn a trained run into a bundle"),
}
