"""What is taken for what."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Confusion:
    """Clips of one tag that were called by the name of another.

    Args:
        tag: The rarest tag that the clips carry.
        taken_for: The likeliest tag, which they do not carry.
        clips: How many they are.
        of: How many clips have ``tag`` as their rarest.
    """

    tag: str
    taken_for: str
    clips: int
    of: int


def confusions(
    probabilities: NDArray[np.float32], targets: NDArray[np.float32], names: Sequence[str]
) -> list[Confusion]:
    """Return which tags are taken for which, the commonest first.

    A clip stands for its rarest tag (a dog barks: ``Bark``, not ``Animal``), and is confused when
    its likeliest tag is none of its own.

    Args:
        probabilities: (clips, tags).
        targets: (clips, tags).
        names: Of the tags.
    """
    count = targets.sum(axis=0)
    labelled = np.flatnonzero(targets.any(axis=1))
    rarest = np.where(targets > 0, count, np.inf).argmin(axis=1)
    likeliest = probabilities.argmax(axis=1)
    own = Counter(rarest[labelled].tolist())
    wrong = Counter(
        (int(rarest[clip]), int(likeliest[clip]))
        for clip in labelled
        if not targets[clip, likeliest[clip]]
    )
    return [
        Confusion(names[tag], names[other], clips, own[tag])
        for (tag, other), clips in wrong.most_common()
    ]
