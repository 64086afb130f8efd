"""One taught tag, as plain values: what is kept in its file."""

import hashlib
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.config import BRANCH_NAMES
from earmark.models.json_files import LARGEST, number_of, numbers_of, object_of, text_of

FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class BaseBundle:
    """The bundle that a tag was taught on.

    Args:
        name: Of the bundle.
        checksum: Of its branches: what a tag knows are their embeddings, and no others. The head
            and the calibration of the other tags may change.
    """

    name: str
    checksum: str

    @classmethod
    def of(cls, metadata: BundleMetadata) -> Self:
        """Return what a bundle is known by."""
        parts = "\n".join(metadata.sha256.get(f"{name}.pt", "") for name in BRANCH_NAMES)
        return cls(metadata.name, hashlib.sha256(parts.encode()).hexdigest())


@dataclass(frozen=True)
class TaughtTag:
    """A tag that was taught from a few clips.

    Args:
        name: Of the tag.
        base: What it was taught on.
        weight: (branches x d_embedding,) float32, on the embeddings side by side.
        bias: Added to their product; the sum is the logit of a probability.
        branch_weight: (branches, d_embedding) float32, for what each branch believes by itself.
        branch_bias: (branches,) float32.
        threshold: Probability from which on it counts as heard.
        clips: Where it was taught from, as given, with absolute paths.
        background: Recordings that were given as not being it, likewise.
        measured: What was expected of it when it was taught.
        created: Date, ISO 8601.

    Raises:
        ValueError: If a number is beyond ``LARGEST``, a shape is wrong or the threshold not a
            probability.
    """

    name: str
    base: BaseBundle
    weight: NDArray[np.float32]
    bias: float
    branch_weight: NDArray[np.float32]
    branch_bias: NDArray[np.float32]
    threshold: float
    clips: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    measured: Mapping[str, object] = field(default_factory=dict)
    created: str = ""

    def __post_init__(self) -> None:
        n_branches = len(BRANCH_NAMES)
        if not self.name:
            raise ValueError("it has no name")
        if self.branch_weight.ndim != 2 or self.weight.shape != (self.branch_weight.size,):
            raise ValueError(
                f"weight {self.weight.shape} and branch_weight {self.branch_weight.shape} do not "
                f"fit together: they must be ({n_branches} x d,) and ({n_branches}, d)"
            )
        if len(self.branch_weight) != n_branches or self.branch_bias.shape != (n_branches,):
            raise ValueError(f"it must have weights and a bias for each of {n_branches} branches")
        numbers = (self.weight, self.branch_weight, self.branch_bias, np.array([self.bias]))
        # NaN is within no bounds.
        if not all((np.abs(values) <= LARGEST).all() for values in numbers):
            raise ValueError("its weights must be numbers from -1e6 to 1e6")
        if not 0 < self.threshold < 1:
            raise ValueError(f"its threshold must lie between 0 and 1, got {self.threshold}")

    def as_table(self) -> dict[str, object]:
        """Return the contents of its file."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "created": self.created,
            "base": {"name": self.base.name, "checksum": self.base.checksum},
            "threshold": self.threshold,
            "measured": dict(self.measured),
            "clips": list(self.clips),
            "background": list(self.background),
            "bias": self.bias,
            "weight": _plain(self.weight),
            "branches": {
                name: {"bias": float(bias), "weight": _plain(weight)}
                for name, bias, weight in zip(
                    BRANCH_NAMES, self.branch_bias, self.branch_weight, strict=True
                )
            },
        }

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Self:
        """Build a tag from what ``as_table`` gave.

        Raises:
            KeyError: If a field is missing.
            TypeError: If a field is of another kind.
            ValueError: If it is of another version, or a value is out of range.
        """
        if table.get("format_version") != FORMAT_VERSION:
            raise ValueError(
                f"format_version is {reprlib.repr(table.get('format_version'))}, this version of "
                f"Earmark needs {FORMAT_VERSION}"
            )
        base = object_of(table["base"], "base")
        branches = object_of(table["branches"], "branches")
        rows = [object_of(branches[name], name) for name in BRANCH_NAMES]
        weights = [numbers_of(row["weight"], "the weight of a branch") for row in rows]
        if len({len(weight) for weight in weights}) > 1:
            raise ValueError("branches must have weights of one length")
        return cls(
            name=text_of(table["name"], "name"),
            base=BaseBundle(
                text_of(base["name"], "the name of base"),
                text_of(base["checksum"], "the checksum of base"),
            ),
            weight=numbers_of(table["weight"], "weight"),
            bias=number_of(table["bias"], "bias"),
            branch_weight=np.stack(weights),
            branch_bias=numbers_of([row["bias"] for row in rows], "the bias of a branch"),
            threshold=number_of(table["threshold"], "threshold"),
            clips=_texts(table["clips"], "clips"),
            background=_texts(table["background"], "background"),
            measured=object_of(table["measured"], "measured"),
            created=text_of(table.get("created", ""), "created"),
        )


def _plain(values: NDArray[np.float32]) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{name} must be a list of text")
    return tuple(value)
