"""What the branches are worth together, beside the best of them alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.config import BRANCH_NAMES

from ..metrics import mean_average_precision
from .bootstrap import Interval, compare
from .predictions import Predictions


@dataclass(frozen=True)
class Combination:
    """What the branches are worth together.

    Args:
        best_branch: Of the four by itself.
        together: Macro mAP of clips of all four.
        gain: How far that is above the best branch.
    """

    best_branch: str
    together: Interval
    gain: Interval


def measure_combination(
    predictions: Predictions, measured: NDArray[np.intp], kept: NDArray[np.float32]
) -> Combination:
    """Compare all four with the best branch by itself.

    Args:
        predictions: Of all windows of the clips.
        measured: (measured tags,) their indices.
        kept: (clips, measured tags) targets.
    """
    together, *branches = (
        predictions.clip_means(windows)[:, measured]
        for windows in (predictions.subsets[-1], *predictions.branches.transpose(1, 0, 2))
    )
    alone = [mean_average_precision(branch, kept) for branch in branches]
    best = int(np.argmax(alone))
    own, gain = compare(together, branches[best], kept)
    return Combination(BRANCH_NAMES[best], own, gain)
