"""How well a model hears recordings of other collections, by where they come from."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.models.vocabulary import TagVocabulary

from ..data.corpus import Clip
from ..metrics import label_ranking, mean_average_precision, top_k
from .confusions import confusions

#: Name of the row of all sources together.
ALL = "all"


def measure_sources(
    clips: Sequence[Clip],
    probabilities: NDArray[np.float32],
    targets: NDArray[np.float32],
    vocabulary: TagVocabulary,
    *,
    minimum_clips: int,
) -> dict[str, dict[str, float | str]]:
    """Return measures of each source of clips, the largest first, and of all together.

    A source is the folder that a clip lies in. Its tags are those that at least ``minimum_clips``
    of all the clips carry; mAP is over those of them that its own clips carry.

    Args:
        clips: Measured on.
        probabilities: (clips, tags), a clip being the mean of its windows.
        targets: (clips, tags).
        vocabulary: Names of the tags.
        minimum_clips: Tags with fewer clips are not measured, nor do they compete.

    Returns:
        For each source ``clips``, ``tags``, ``map``, ``lrap``, ``top_3`` (percentages) and
        ``mostly``, the commonest confusion in words, empty where there is none.
    """
    measured = np.flatnonzero(targets.sum(axis=0) >= minimum_clips)
    names = [vocabulary.names[tag] for tag in measured]
    kept, scores = targets[:, measured], probabilities[:, measured]
    rows: dict[str, list[int]] = defaultdict(list)
    for row, clip in enumerate(clips):
        if kept[row].any():
            rows[clip.path.parent.name].append(row)
    largest_first = sorted(rows.items(), key=lambda item: -len(item[1]))
    found = {ALL: _figures(scores, kept, names)} if rows else {}
    return found | {
        source: _figures(scores[own], kept[own], names) for source, own in largest_first
    }


def _figures(
    scores: NDArray[np.float32], targets: NDArray[np.float32], names: Sequence[str]
) -> dict[str, float | str]:
    wrong = confusions(scores, targets, names)
    mostly = ""
    if wrong:
        most = wrong[0]
        mostly = f"{most.tag} taken for {most.taken_for} ({most.clips} of {most.of})"
    return {
        "clips": float(targets.any(axis=1).sum()),
        "tags": float((targets.sum(axis=0) > 0).sum()),
        "map": 100 * mean_average_precision(scores, targets),
        "lrap": 100 * label_ranking(scores, targets)[0],
        "top_3": 100 * top_k(scores, targets, 3)["any_hit"],
        "mostly": mostly,
    }
