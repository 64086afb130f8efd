"""False alarms: what a model says is there where nothing is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE

from ..data.negatives import KINDS, negative_clips
from .model import Model
from .predictions import predict

_CLIPS_OF_A_KIND = 120  # of 3 s: six minutes of each

# No training has this seed: other sounds than what was learned from.
_SEED = 1_000_003


@dataclass(frozen=True)
class Alarms:
    """What was raised by one kind of sound that is none.

    Args:
        highest: Highest probability of any tag in any window.
        share: Of the windows in which some tag is at or above its threshold.
        per_hour: Alarms an hour: runs of windows in which a tag is at or above its threshold.
    """

    highest: float
    share: float
    per_hour: float


def measure_alarms(model: Model) -> dict[str, Alarms]:
    """Return what each kind of made-up negative raises, and all of them together."""
    found: dict[str, Alarms] = {}
    all_above, all_clips, seconds, highest = [], [], 0.0, 0.0
    for i, kind in enumerate(KINDS):
        clips = negative_clips(_CLIPS_OF_A_KIND, _SEED + i, kind=kind)
        predictions = predict(model, clips)
        heard = predictions.subsets[-1]
        above = heard >= model.calibration.thresholds
        duration = sum(len(clip) for clip in clips) / SAMPLE_RATE
        found[kind] = _alarms(above, predictions.clips, duration, float(heard.max()))
        all_above.append(above)
        all_clips.append(predictions.clips + i * _CLIPS_OF_A_KIND)
        seconds += duration
        highest = max(highest, found[kind].highest)
    found["all"] = _alarms(np.concatenate(all_above), np.concatenate(all_clips), seconds, highest)
    return found


def _alarms(
    above: NDArray[np.bool_], clips: NDArray[np.int64], seconds: float, highest: float
) -> Alarms:
    return Alarms(
        highest=highest,
        share=float(above.any(axis=1).mean()),
        per_hour=count_alarms(above, clips) / (seconds / 3600),
    )


def count_alarms(above: NDArray[np.bool_], clips: NDArray[np.int64]) -> int:
    """Return how many alarms begin: a tag is above its threshold and was not in the window before.

    Args:
        above: (windows, tags), the windows of a clip one after the other.
        clips: (windows,) index of each window's clip; alarms do not go over from clip to clip.
    """
    before = np.zeros_like(above)
    before[1:] = above[:-1] & (clips[1:] == clips[:-1])[:, None]
    return int((above & ~before).sum())
