"""Earmark from Python: a loaded model that tags files and listens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from earmark.models.audio.decoding import SoundReader
from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.streaming.results import WindowResult
from earmark.models.taught.layer import load_with_taught
from earmark.models.timebase import seconds_to_samples

from .audio.source import AudioSource
from .detection.events import EventSettings, TagEvent, TagTracker
from .files.records import ClipMean
from .live.session import ListeningSession


@dataclass(frozen=True)
class Tagging:
    """What a recording sounds like.

    Args:
        tags: Mean probability of each tag, the likeliest first.
        branches: The same for each branch by itself.
        events: Tags that sounded, with start and end.
    """

    tags: dict[str, float]
    branches: dict[str, dict[str, float]]
    events: list[TagEvent]


class SoundTagger:
    """A model that is ready to listen.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def tag(
        self, path: str | Path, *, hop: float = 0.1, settings: EventSettings | None = None
    ) -> Tagging:
        """Tag a file.

        Args:
            path: Of any format that soundfile or PyAV reads.
            hop: Seconds between windows.
            settings: What counts as an event.

        Raises:
            AudioError: If the file cannot be read to its end.
        """
        engine = InferenceEngine(self.bundle)
        names, branches = self.bundle.metadata.vocabulary.names, BRANCH_NAMES
        thresholds = self.bundle.metadata.calibration.thresholds
        tracker = TagTracker(names, branches, thresholds, hop=hop, settings=settings)
        mean = ClipMean()
        events: list[TagEvent] = []
        for result in analyse(SoundReader(Path(path)), engine, seconds_to_samples(hop)):
            mean.add(result)
            events += tracker.update(result)
        events += tracker.flush()

        def ranked(probabilities: list[float]) -> dict[str, float]:
            pairs = zip(names, probabilities, strict=True)
            return dict(sorted(pairs, key=lambda pair: -pair[1]))

        by_branch = zip(branches, mean.branch_probabilities().tolist(), strict=True)
        return Tagging(
            tags=ranked(mean.probabilities().tolist()),
            branches={branch: ranked(row) for branch, row in by_branch},
            events=events,
        )

    def stream(self, source: AudioSource, *, hop: float = 0.1) -> Iterator[WindowResult]:
        """Listen to a source and give the result of each window as it comes.

        Args:
            source: A ``Microphone``, or any other source that is not started yet.
            hop: Seconds between windows.

        Raises:
            AudioError: If the source cannot be opened or breaks off.
        """
        with ListeningSession(source, InferenceEngine(self.bundle), hop=hop) as session:
            yield from session

    def names(self, result: WindowResult, top: int = 5) -> dict[str, float]:
        """Return the likeliest tags of a result with their probabilities."""
        order = (-result.probabilities).argsort(kind="stable")[:top]
        names = self.bundle.metadata.vocabulary.names
        return {names[i]: float(result.probabilities[i]) for i in order}


def load(bundle: str | Path | None = None, *, device: str = "auto") -> SoundTagger:
    """Load a bundle, the shipped one by default, with the tags that the user taught on it.

    Args:
        bundle: Folder of a bundle.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        BundleError: If the bundle is missing, broken, or of another version or rate.
    """
    return SoundTagger(load_with_taught(None if bundle is None else Path(bundle), device=device))
