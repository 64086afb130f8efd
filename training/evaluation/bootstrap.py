"""How far a difference between two models may be chance: the bootstrap over clips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
_SEED = 1


@dataclass(frozen=True)
class Interval:
    """A figure with the interval that 95 % of its resamples lie in, in points of macro mAP.

    Args:
        value: As measured.
        low: 2.5 % of the resamples lie below it.
        high: 2.5 % of the resamples lie above it.
    """

    value: float
    low: float
    high: float


def compare(
    model: NDArray[np.float32],
    other: NDArray[np.float32],
    targets: NDArray[np.float32],
    *,
    resamples: int = RESAMPLES,
) -> tuple[Interval, Interval]:
    """Return a model's macro mAP, and by how much it is above another's, on the same resamples.

    Args:
        model: (clips, tags) probabilities.
        other: (clips, tags) likewise.
        targets: (clips, tags).
        resamples: Clips are drawn with replacement so many times.

    Source: Efron and Tibshirani, "An introduction to the bootstrap" (1993), percentile intervals.
    """
    generator = np.random.default_rng(_SEED)
    n_clips = len(targets)
    drawn = generator.multinomial(n_clips, np.full(n_clips, 1 / n_clips), size=resamples)
    weights = [np.ones(n_clips), *drawn.astype(np.float64)]
    own, others = (weighted_maps(scores, targets, weights) for scores in (model, other))
    return _interval(100 * own), _interval(100 * (own - others))


def weighted_maps(
    probabilities: NDArray[np.float32],
    targets: NDArray[np.float32],
    weights: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the macro mAP with each of some weights of the rows.

    Args:
        probabilities: (rows, tags).
        targets: (rows, tags).
        weights: Each (rows,); a tag that no row of weight carries does not count.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable").T  # (tags, rows)
    carried = np.take_along_axis(targets.T > 0, order, axis=1)
    maps = []
    for weight in weights:
        sorted_weights = weight[order]
        hits = np.cumsum(sorted_weights * carried, axis=1)
        precision = hits / np.maximum(np.cumsum(sorted_weights, axis=1), 1e-12)
        total = hits[:, -1]
        average = (precision * sorted_weights * carried).sum(axis=1) / np.maximum(total, 1e-12)
        maps.append(average[total > 0].mean())
    return np.array(maps)


def _interval(maps: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(maps[1:], [2.5, 97.5])
    return Interval(float(maps[0]), float(low), float(high))
