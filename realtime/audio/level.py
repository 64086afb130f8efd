"""How loud it is."""

from dataclasses import dataclass

import numpy as np

from earmark.models.timebase import SAMPLE_RATE

from .sound import Sound

_FLOOR_DBFS = -120.0

# Long enough for a period of the lowest pitch, short enough to be of now.
_SECONDS = 0.05


@dataclass(frozen=True)
class Level:
    """Level of a moment in decibels of full scale, -120 at the least.

    Args:
        rms_dbfs: Root of the mean square.
        peak_dbfs: Largest sample; 0 and above is clipped.
    """

    rms_dbfs: float = _FLOOR_DBFS
    peak_dbfs: float = _FLOOR_DBFS


def level_at(sound: Sound, end_sample: int) -> Level:
    """Return the level of the 50 ms before a sample."""
    end = min(max(end_sample, 0), sound.written)
    count = min(end, round(_SECONDS * SAMPLE_RATE))
    samples = sound.read(end - count, count) if count else None
    if samples is None:
        return Level()
    rms, peak = float(np.sqrt(np.mean(samples**2))), float(np.abs(samples).max())
    return Level(_decibels(rms), _decibels(peak))


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-6)))
