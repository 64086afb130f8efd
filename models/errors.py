"""The errors that are told to the user in one line, as a tree.

EarmarkError
    AudioError     a source that cannot be opened or read
    BundleError    a bundle that is broken, foreign or of another version
    CorpusError    a data set that contradicts itself
    OutputError    a file or stream that cannot be written
    JsonError      a JSON file that cannot be read within limits
    UsageError     an option with an impossible value
"""

import sys
from collections.abc import Callable

from .shown import shown


class EarmarkError(Exception):
    """Something outside the program is wrong; the message names it and the way out."""


class AudioError(EarmarkError):
    """An audio file, device or stream cannot be used."""


class BundleError(EarmarkError):
    """A bundle is incomplete, altered, foreign or of another version."""


class CorpusError(EarmarkError):
    """A data set is incomplete or contradicts itself."""


class JsonError(EarmarkError):
    """A JSON file is no JSON, or exceeds what is allowed of one."""


class OutputError(EarmarkError):
    """Results cannot be written where they should go: the disk is full, or it is gone."""


class UsageError(EarmarkError):
    """An option of a command has a value that it cannot have."""


def exit_status(run: Callable[[], int]) -> int:
    """Run a tool and return its exit status: 1, with the error in a line, where it is told one."""
    try:
        return run()
    except EarmarkError as error:
        sys.stderr.write(f"earmark: {shown(str(error))}\n")
        return 1
