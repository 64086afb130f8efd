"""What a bundle with taught tags makes of a clip, as a file would be tagged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.streaming.analysis import analyse
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.timebase import samples_to_seconds
from earmark.realtime.detection.events import TagTracker

_HOP_SAMPLES = 1_600  # 100 ms, as live and for files


@dataclass(frozen=True)
class Heard:
    """What was heard of the taught tags.

    Args:
        taught: Names of those with an event.
        highest: Highest probability of each in any window.
    """

    taught: list[str]
    highest: dict[str, float]


def hear(bundle: Bundle, sound: NDArray[np.float32]) -> Heard:
    """Tag a sound and return what of the taught tags was heard in it.

    Args:
        bundle: With taught tags.
        sound: (samples,) float32 at 16 kHz.
    """
    metadata = bundle.metadata
    names = metadata.vocabulary.names
    tracker = TagTracker(
        names,
        BRANCH_NAMES,
        metadata.calibration.thresholds,
        hop=samples_to_seconds(_HOP_SAMPLES),
    )
    highest = np.zeros(len(names), np.float32)
    found = []
    for result in analyse([sound], InferenceEngine(bundle), _HOP_SAMPLES):
        highest = np.maximum(highest, result.probabilities)
        found += tracker.update(result)
    found += tracker.flush()
    heard = {event.tag for event in found}
    taught = [tag.name for tag in bundle.taught]
    return Heard(
        taught=[name for name in taught if name in heard],
        highest={name: float(highest[names.index(name)]) for name in taught},
    )
