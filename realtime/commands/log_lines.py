"""Python's log as lines on standard error, each fit to be shown on a terminal."""

import logging
import sys
from types import TracebackType
from typing import TypeAlias

from earmark.models.shown import shown

_Raised: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def log_to_standard_error(level: str) -> None:
    """Have what is logged from now on written to standard error.

    Args:
        level: Least that is worth a line, as ``info``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper())


class LineFormatter(logging.Formatter):
    """One line for each record, whatever steering characters a name or an answer in it has."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - Python's name
        """Return the line of a record."""
        return f"earmark: {shown(record.getMessage())}"

    def formatException(self, ei: _Raised) -> str:  # noqa: N802 - Python's name
        """Return the lines of a traceback."""
        return "\n".join(map(shown, super().formatException(ei).splitlines()))
