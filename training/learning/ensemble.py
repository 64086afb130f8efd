"""What two teachers say together, as probabilities of tags that mean what they say."""

import csv
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from earmark.models.errors import CorpusError

from ..data.teachers import Heard
from .calibrate import platt_per_tag
from .mixtures import Opinion

# How much the lack of a label counts where a collection never marks the tag. If it did not count at
# all, a tag that few collections know would be expected everywhere: 7.0 tags a clip for 3.2 labels.
_UNMARKED: Final = 0.3

_CLASSES: Final = Path(__file__).parents[1] / "data" / "audioset_classes.csv"


@dataclass(frozen=True)
class ClassMap:
    """Which class of each teacher stands for each tag.

    Args:
        mn04: For each tag the columns of mn04 whose loudest stands for it; none: not known to it.
        yamnet: The same of YAMNet.
    """

    mn04: tuple[tuple[int, ...], ...]
    yamnet: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, ids: Sequence[str], children: Sequence[Sequence[str]]) -> Self:
        """Return the classes of tags.

        Args:
            ids: AudioSet id of each tag; empty where it has none.
            children: AudioSet ids of all that lies below each tag, which stand for a tag that a
                teacher has no class of its own for.
        """
        with _CLASSES.open(newline="", encoding="utf-8") as file:
            rows = {row["id"]: row for row in csv.DictReader(file)}

        def columns(teacher: str, own: str, below: Sequence[str]) -> tuple[int, ...]:
            known = [id_ for id_ in (own,) if id_ in rows and rows[id_][teacher]]
            known = known or [id_ for id_ in below if id_ in rows and rows[id_][teacher]]
            return tuple(int(rows[id_][teacher]) for id_ in known)

        pairs = list(zip(ids, children, strict=True))
        return cls(
            mn04=tuple(columns("mn04", own, below) for own, below in pairs),
            yamnet=tuple(columns("yamnet", own, below) for own, below in pairs),
        )

    def words(self) -> NDArray[np.str_]:
        """Return the columns as text, (2, tags), to tell one map from another."""
        both = (self.mn04, self.yamnet)
        return np.array([[" ".join(map(str, columns)) for columns in one] for one in both])

    def logits(self, heard: Heard) -> NDArray[np.float32]:
        """Return the logits of tags, (2, sounds, tags); NaN where a teacher does not know a tag."""
        return np.stack(
            [
                _loudest(logits, classes)
                for logits, classes in ((heard.mn04, self.mn04), (heard.yamnet, self.yamnet))
            ]
        )


def _loudest(logits: NDArray[np.float32], classes: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    found = np.full((len(logits), len(classes)), np.nan, np.float32)
    for tag, columns in enumerate(classes):
        if columns:
            found[:, tag] = logits[:, list(columns)].max(axis=1)
    return found


@dataclass(frozen=True)
class Ensemble:
    """Both teachers with a Platt scaling of each tag, and the mean of what they then say as logits.

    Args:
        classes: Of the tags.
        scale: (2, tags) float32.
        bias: (2, tags) float32.
    """

    classes: ClassMap
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        classes: ClassMap,
        heard: Heard,
        targets: NDArray[np.float32],
        known: NDArray[np.bool_],
        clips: NDArray[np.int64],
    ) -> Self:
        """Fit to labelled sound; tags without labels are scaled as the others are in the middle.

        Args:
            classes: Of the tags.
            heard: What the teachers say of the sounds.
            targets: (sounds, tags), 1 where a label says so.
            known: (sounds, tags), whether a 0 says that the tag is absent.
            clips: (sounds,) index of each sound's recording.
        """
        trust = np.where(known | (targets > 0), 1.0, _UNMARKED)
        scales: list[NDArray[np.float32]] = []
        biases: list[NDArray[np.float32]] = []
        for logits in classes.logits(heard):
            scale, bias = np.ones((2, len(classes.mn04)), np.float32) * [[1], [0]]
            fitted = (targets.sum(axis=0) > 0) & np.isfinite(logits[0])
            if fitted.any():
                own = platt_per_tag(
                    torch.from_numpy(logits[:, fitted]),
                    torch.from_numpy(targets[:, fitted]),
                    torch.from_numpy(clips),
                    trust=torch.from_numpy(trust[:, fitted]),
                )
                for values, of_fitted in zip((scale, bias), own, strict=True):
                    values[:] = np.median(of_fitted)
                    values[fitted] = of_fitted
            scales.append(scale.astype(np.float32))
            biases.append(bias.astype(np.float32))
        return cls(classes, np.stack(scales), np.stack(biases))

    def probabilities(self, heard: Heard) -> NDArray[np.float32]:
        """Return what both say together, (sounds, tags); NaN for tags that neither knows."""
        logits = self.classes.logits(heard) * self.scale[:, None] + self.bias[:, None]
        is_known = np.isfinite(logits)
        count = is_known.sum(axis=0)
        mean = np.where(is_known, logits, 0).sum(axis=0) / np.maximum(count, 1)
        return np.asarray(np.where(count > 0, 1 / (1 + np.exp(-mean)), np.nan), np.float32)

    def opinion(self, heard: Heard) -> Opinion:
        """Return what both say together of windows, with the features of one."""
        return Opinion(self.probabilities(heard), heard.features)

    def save(self, path: Path) -> None:
        """Write what was fitted, an ``.npz`` file of some kilobytes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interruption never leaves half a file.
        beside = path.with_suffix(".tmp.npz")
        np.savez(beside, scale=self.scale, bias=self.bias, classes=self.classes.words())
        os.replace(beside, path)

    @classmethod
    def load(cls, path: Path, classes: ClassMap) -> Self:
        """Read what was fitted for the same tags.

        Raises:
            CorpusError: If the file is broken or was fitted for other tags.
        """
        try:
            with np.load(path) as arrays:
                scale, bias, found = arrays["scale"], arrays["bias"], arrays["classes"]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise CorpusError(f"{path} is no fitted ensemble ({error}); delete it") from error
        if not np.array_equal(found, classes.words()):
            raise CorpusError(
                f"{path} was fitted for {found.shape[1]} other tags than the {len(classes.mn04)} "
                "there are; delete it"
            )
        return cls(classes, scale, bias)
