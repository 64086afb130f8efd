"""One recording from samples to records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE, samples_to_seconds

from .analysis import analyse
from .block_reader import BlockReader
from .engine import InferenceEngine
from .events import EventSettings, TagEvent, TagTracker
from .formats.writer import Kind
from .records import ClipMean, Record, TagChoice, event_record, window_record
from .results import WindowResult


@dataclass(frozen=True)
class RecordingOptions:
    """What is wanted of a recording.

    Args:
        kind: Of the records.
        choice: Tags that windows and clips list.
        thresholds: (tags,) from which on a tag counts for events.
        settings: What counts as an event.
        hop_samples: Distance between windows.
        workers: Threads that tag it.
    """

    kind: Kind
    choice: TagChoice
    thresholds: NDArray[np.float32]
    settings: EventSettings
    hop_samples: int
    workers: int = 1


@dataclass
class Recording:
    """A recording while it is being tagged.

    Args:
        name: Written in its records.
        reader: Its samples.
        on_progress: Told the seconds read so far.

    Attributes:
        samples: Read so far.
        problems: What was wrong with it, a line each; the records made are none the worse.
    """

    name: str
    reader: BlockReader
    on_progress: Callable[[float], None] = lambda seconds: None
    samples: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Seconds read so far."""
        return samples_to_seconds(self.samples)

    def records(self, engine: InferenceEngine, options: RecordingOptions) -> Iterator[Record]:
        """Tag the recording and give its records, each as soon as it is complete.

        Raises:
            AudioError: If not even its beginning can be read.
        """
        results = analyse(self._blocks(), engine, options.hop_samples, workers=options.workers)
        if options.kind == "windows":
            for result in results:
                yield self._window(result, options)
        elif options.kind == "events":
            yield from self._events(results, engine, options)
        else:
            mean = ClipMean()
            for result in results:
                mean.add(result)
            yield mean.record(self.name, options.choice, duration=self.duration)
        if self.reader.non_finite:
            self.problems.append(
                f"{self.name}: {self.reader.non_finite} samples were NaN or infinite, or "
                "a million times full scale, and were taken for silence"
            )

    def _blocks(self) -> Iterator[NDArray[np.float32]]:
        try:
            for block in self.reader:
                self.samples += len(block)
                self.on_progress(self.duration)
                yield block
        except AudioError as error:
            if not self.samples:
                raise
            # It broke off: what was read is tagged to its end, then the error is told.
            self.problems.append(str(error))

    def _window(self, result: WindowResult, options: RecordingOptions) -> Record:
        # Only the window of a recording shorter than it reaches beyond what was read.
        duration = max(self.duration, 1 / SAMPLE_RATE)
        return window_record(self.name, result, options.choice, duration=duration)

    def _events(
        self, results: Iterator[WindowResult], engine: InferenceEngine, options: RecordingOptions
    ) -> Iterator[Record]:
        metadata = engine.bundle.metadata
        tracker = TagTracker(
            metadata.vocabulary.names,
            tuple(engine.bundle.branches),
            options.thresholds,
            hop=samples_to_seconds(options.hop_samples),
            settings=options.settings,
        )

        def written(events: list[TagEvent]) -> Iterator[Record]:
            for event in events:
                yield event_record(self.name, event, duration=self.duration)

        for result in results:
            yield from written(tracker.update(result))
        yield from written(tracker.flush())
