"""Probabilities over time made steady: smoothing and hysteresis, each with a setting of its own."""

import math

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]


def smooth_step(
    previous: Probabilities | None, new: Probabilities, *, seconds: float, time_constant: float
) -> Probabilities:
    """Move smoothed probabilities toward new ones.

    Args:
        previous: (tags,) smoothed so far; None at the start.
        new: (tags,) of the newest window.
        seconds: Between the two windows.
        time_constant: After it a step has done 63 % of its way; 0 follows at once.
    """
    if previous is None or time_constant == 0:
        return new
    share = 1 - math.exp(-seconds / time_constant)
    return (previous + np.float32(share) * (new - previous)).astype(np.float32)


def hysteresis_step(
    was_active: NDArray[np.bool_],
    probabilities: Probabilities,
    *,
    thresholds: Probabilities,
    release: float,
) -> NDArray[np.bool_]:
    """Return which tags are active: on from the threshold, off below ``release`` times it.

    Args:
        was_active: (tags,) before.
        probabilities: (tags,) now.
        thresholds: (tags,).
        release: Between 0 and 1; 1 is a threshold without hysteresis.
    """
    return np.asarray(probabilities >= np.where(was_active, release * thresholds, thresholds))
