"""Writing to where there may be no room: a full disk is told in one line, by its name."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from earmark.models.errors import OutputError
from earmark.realtime.files.records import Record

from .writer import RecordWriter


class GuardedWriter:
    """A writer whose stream may fail; it is given up when it does.

    Args:
        stream: Open.
        open_writer: Returns the writer of the stream; it may write a heading.

    Raises:
        OutputError: If the stream cannot be written; so do all calls.
    """

    def __init__(self, stream: TextIO | BinaryIO, open_writer: Callable[[], RecordWriter]) -> None:
        self._stream = stream
        with self._told():
            self._writer = open_writer()

    def write(self, record: Record) -> None:
        """Write one record."""
        with self._told():
            self._writer.write(record)

    def close(self) -> None:
        """Write what comes at the end; leaves the stream open, with nothing waiting in it."""
        with self._told():
            self._writer.close()
            self._stream.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise  # whoever read it has gone, which is nothing to tell
        except OSError as error:
            let_go(self._stream)
            name = {"<stdout>": "standard output"}.get(self._stream.name, self._stream.name)
            raise OutputError(f"cannot write {name}: {error.strerror}") from error


def let_go(stream: TextIO | BinaryIO) -> None:
    """Lead a stream that failed nowhere: what still waits in it would fail again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
