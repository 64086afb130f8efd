"""Passwords and tokens from where the list of processes does not show them."""

import logging
import os
import stat
from pathlib import Path

from earmark.models.errors import UsageError

_LOG = logging.getLogger("earmark")


def read_secret(option: str, path: Path | None, variable: str) -> str | None:
    """Return the first line of a file, else the value of a variable of the environment.

    A file that others can read is told in the log.

    Args:
        option: That names the file, for messages.
        path: Of the file; None: none was given.
        variable: Name.

    Raises:
        UsageError: If the file cannot be read, or there is nothing in it.
    """
    if path is None:
        return os.environ.get(variable) or None
    try:
        # Whatever it is read for: who else can read it need not be let in to know it.
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
            _LOG.warning(
                "%s: others than its owner can read %s; `chmod 600` keeps it to yourself",
                option, path,
            )  # fmt: skip
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {path} is not UTF-8 text") from error
    if not lines or not lines[0]:
        raise UsageError(f"{option} {path}: the first line is empty, it must hold the secret")
    return lines[0]
