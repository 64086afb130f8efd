"""The files of recordings that are being tagged at the same time."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from earmark.models.errors import OutputError

from .formats.writer import RecordWriter
from .inputs import InputFile
from .outputs import Outputs
from .records import Record


@dataclass
class _File:
    """A file that is being written; without a writer it could not be made."""

    stack: ExitStack = field(default_factory=ExitStack)
    writer: RecordWriter | None = None
    count: int = 0


class OpenOutputs:
    """Writes records wherever they belong. Use it as a context manager.

    Left by an error, it leaves no file of a recording that was not complete.

    Args:
        outputs: Gives each recording its writer.
        made_by: What makes the records.
    """

    def __init__(self, outputs: Outputs, made_by: Mapping[str, str]) -> None:
        self._outputs = outputs
        self._made_by = made_by
        self._open: dict[str, _File] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in self._open.values():
            file.stack.__exit__(kind, error, traceback)

    @property
    def is_shared(self) -> bool:
        """Whether all recordings have one writer."""
        return self._outputs.is_shared

    def write(self, item: InputFile, records: Iterable[Record]) -> None:
        """Write records of a recording.

        Raises:
            EarmarkError: If its file is there already, or cannot be written; further records of it
                are let go.
        """
        if item.name not in self._open:
            self._open[item.name] = file = _File()
            with ExitStack() as stack:
                file.writer = stack.enter_context(self._outputs.writer_for(item, self._made_by))
                file.stack = stack.pop_all()
        file = self._open[item.name]
        for record in records:
            if file.writer is not None:
                try:
                    file.writer.write(record)
                except OutputError as error:
                    # What there is of its file goes away with it.
                    file.stack.__exit__(type(error), error, error.__traceback__)
                    file.stack, file.writer = ExitStack(), None
                    raise
            file.count += 1

    def finish(self, item: InputFile) -> int:
        """End the file of a recording, if it has one, and return how many records there were.

        Raises:
            OutputError: If its end cannot be written; there is no such file then.
        """
        file = self._open.pop(item.name, _File())
        file.stack.close()
        return file.count
