"""The windows of one recording, from results to records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.streaming.results import WindowResult
from earmark.models.timebase import SAMPLE_RATE, samples_to_seconds
from earmark.realtime.detection.events import EventSettings, TagEvent, TagTracker

from .formats.writer import Kind
from .recording import Recording
from .records import ClipMean, Record, TagChoice, event_record, window_record


@dataclass(frozen=True)
class RecordOptions:
    """What is wanted of a recording.

    Args:
        kind: Of the records.
        choice: Tags that windows and clips list.
        thresholds: (tags,) from which on a tag counts for events.
        settings: What counts as an event.
        hop_samples: Distance between windows.
    """

    kind: Kind
    choice: TagChoice
    thresholds: NDArray[np.float32]
    settings: EventSettings
    hop_samples: int


class RecordMaker:
    """Makes the records of a recording, each as soon as it is complete.

    Args:
        recording: What is tagged.
        bundle: That tags it.
        options: What is wanted of it.
    """

    def __init__(self, recording: Recording, bundle: Bundle, options: RecordOptions) -> None:
        self._recording = recording
        self._options = options
        self._mean = ClipMean()
        self._tracker = TagTracker(
            bundle.metadata.vocabulary.names,
            BRANCH_NAMES,
            options.thresholds,
            hop=samples_to_seconds(options.hop_samples),
            settings=options.settings,
        )

    def records(self, results: Iterable[WindowResult]) -> Iterator[Record]:
        """Take the next windows and give the records that are complete by them."""
        for result in results:
            if self._options.kind == "windows":
                yield self._window(result)
            elif self._options.kind == "events":
                yield from self._events(self._tracker.update(result))
            else:
                self._mean.add(result)

    def last_records(self) -> Iterator[Record]:
        """End the recording and give the records that its end completes."""
        if self._options.kind == "events":
            yield from self._events(self._tracker.flush())
        elif self._options.kind == "clip" and self._mean.windows:
            duration = self._recording.duration
            yield self._mean.record(self._recording.name, self._options.choice, duration=duration)

    def _window(self, result: WindowResult) -> Record:
        # Only the window of a recording shorter than it reaches beyond what was read.
        duration = max(self._recording.duration, 1 / SAMPLE_RATE)
        choice = self._options.choice
        return window_record(self._recording.name, result, choice, duration=duration)

    def _events(self, events: Iterable[TagEvent]) -> Iterator[Record]:
        for event in events:
            yield event_record(self._recording.name, event, duration=self._recording.duration)
