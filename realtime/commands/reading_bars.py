"""Bars that show how far recordings are read, on a terminal."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from earmark.models.audio.block_reader import BlockReader
from earmark.models.shown import shown
from earmark.models.timebase import samples_to_seconds


class MeasuredReader(BlockReader, Protocol):
    """A reader that may know how long its recording is."""

    expected_seconds: float | None


class ReadingBars:
    """A bar for each recording while it is read, and one for all. Use it as a context manager.

    Args:
        console: Where they are drawn; nothing is, unless it is a terminal.
        count: Recordings in all.
    """

    def __init__(self, console: Console, count: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bars = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        )
        self._all = self._bars.add_task(f"{count} recordings", total=count, visible=count > 1)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def finish(self, count: int) -> None:
        """Count recordings as done."""
        self._bars.advance(self._all, count)

    def tell(self, line: str) -> None:
        """Write a line above the bars."""
        self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def watched(self, name: str, reader: MeasuredReader) -> BlockReader:
        """Return a reader that moves a bar of its own as it is read."""
        return _Watched(self._bars, name, reader)


class _Watched:
    def __init__(self, bars: Progress, name: str, reader: MeasuredReader) -> None:
        self._bars = bars
        self._name = name
        self._reader = reader
        self.non_finite = 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        task = self._bars.add_task(shown(self._name), total=self._reader.expected_seconds)
        try:
            for block in self._reader:
                self.non_finite = self._reader.non_finite
                self._bars.advance(task, samples_to_seconds(len(block)))
                yield block
        finally:
            self.non_finite = self._reader.non_finite
            self._bars.remove_task(task)
