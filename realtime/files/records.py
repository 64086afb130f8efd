"""What is written of a recording: windows, events or one record for all of it, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent

Record = Mapping[str, object]


@dataclass(frozen=True)
class TagChoice:
    """Which tags a record lists.

    Args:
        names: All tags, in the order of the probabilities.
        branches: Names, in the order of the branch probabilities.
        top: How many of the likeliest are listed.
        threshold: Those below it are left out.
        every: All tags are listed, in their own order; the two above do not count.
    """

    names: Sequence[str]
    branches: Sequence[str]
    top: int = 5
    threshold: float = 0.0
    every: bool = False

    def chosen(self, probabilities: NDArray[np.float32]) -> list[int]:
        """Return the indices of the tags to list, the likeliest first."""
        if self.every:
            return list(range(len(self.names)))
        best = np.argsort(-probabilities, kind="stable")[: self.top]
        return [int(tag) for tag in best if probabilities[tag] >= self.threshold]

    def tags(
        self, probabilities: NDArray[np.float32], by_branch: NDArray[np.float32]
    ) -> dict[str, object]:
        """Return ``tags`` and ``branches`` as the records have them."""
        chosen = self.chosen(probabilities)
        return {
            "tags": {self.names[tag]: _rounded(probabilities[tag]) for tag in chosen},
            "branches": {
                branch: {self.names[tag]: _rounded(row[tag]) for tag in chosen}
                for branch, row in zip(self.branches, by_branch, strict=True)
            },
        }


def window_record(
    file: str, result: WindowResult, choice: TagChoice, *, duration: float | None = None
) -> Record:
    """Return the record of one window; a padded one ends with the recording."""
    end = result.end if duration is None else min(result.end, duration)
    return {
        "file": file,
        "start": _seconds(result.start),
        "end": _seconds(end),
        **choice.tags(result.probabilities, result.branch_probabilities),
    }


def event_record(file: str, event: TagEvent, *, duration: float | None = None) -> Record:
    """Return the record of one event; none outlasts the recording."""
    end = event.end if duration is None else min(event.end, duration)
    return {
        "file": file,
        "tag": event.tag,
        "start": _seconds(event.start),
        "end": _seconds(end),
        "peak": _rounded(event.peak),
        "mean": _rounded(event.mean),
        "branch": event.branch,
    }


@dataclass
class ClipMean:
    """The mean of a recording's windows, gathered one by one."""

    windows: int = 0
    end: float = 0.0
    _sum: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _branch_sum: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))

    def add(self, result: WindowResult) -> None:
        """Take a window into account."""
        if not self.windows:
            self._sum = np.zeros(result.probabilities.shape)
            self._branch_sum = np.zeros(result.branch_probabilities.shape)
        self.windows += 1
        self.end = max(self.end, result.end)
        self._sum += result.probabilities
        self._branch_sum += result.branch_probabilities

    def probabilities(self) -> NDArray[np.float32]:
        """Return (tags,) mean probabilities.

        Raises:
            ValueError: If there was no window.
        """
        if not self.windows:
            raise ValueError("the mean of no windows is not defined")
        return (self._sum / self.windows).astype(np.float32)

    def branch_probabilities(self) -> NDArray[np.float32]:
        """Return (branches, tags) mean probabilities.

        Raises:
            ValueError: If there was no window.
        """
        if not self.windows:
            raise ValueError("the mean of no windows is not defined")
        return (self._branch_sum / self.windows).astype(np.float32)

    def record(self, file: str, choice: TagChoice, *, duration: float) -> Record:
        """Return the record of the recording."""
        tags = choice.tags(self.probabilities(), self.branch_probabilities())
        return {"file": file, "duration": _seconds(duration), **tags}


def _rounded(probability: float | np.floating) -> float:
    return round(float(probability), 6)


def _seconds(seconds: float) -> float:
    return round(seconds, 4)
