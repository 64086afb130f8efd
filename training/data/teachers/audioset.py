"""The classes of AudioSet in the order in which networks trained on it give them."""

import csv
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Logits are cut off here, where a float32 probability can no longer tell them from 1.
LARGEST_LOGIT = 15.0


class Teacher(Protocol):
    """A network that says of which AudioSet classes it hears something."""

    @property
    def audioset_ids(self) -> tuple[str, ...]:
        """Of its classes, in the order of its logits."""

    def logits(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, classes) logits of ``waveforms``, (n, samples) at 16 kHz."""


@cache
def audioset_ids() -> tuple[str, ...]:
    """Return the ids of the 527 classes that AudioSet has labels of.

    Source: Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events"
    (2017), the order of its ``class_labels_indices.csv``.
    """
    path = Path(__file__).parent / "audioset_classes.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(row["id"] for row in csv.DictReader(file))


def to_logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log odds, cut off at ``LARGEST_LOGIT`` either way."""
    edge = 1 / (1 + np.exp(LARGEST_LOGIT))
    inside = np.clip(probabilities.astype(np.float64), edge, 1 - edge)
    return np.log(inside / (1 - inside)).astype(np.float32)
