"""From logits to probabilities that mean what they say, and the thresholds that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .config import BRANCH_NAMES
from .json_files import LARGEST, numbers_of

#: What a calibration exists for: the combined answer, then each branch's.
OUTPUTS = ("combined", *BRANCH_NAMES)


@dataclass(frozen=True)
class Calibration:
    """Platt scaling of each tag's logit in each output, and a threshold for each tag.

    Args:
        scale: (outputs, tags) float32, positive.
        bias: (outputs, tags) float32.
        thresholds: (tags,) float32 probabilities from which on a tag counts as heard.

    Raises:
        ValueError: If the shapes differ or a value is out of range.

    Source: Platt, "Probabilistic outputs for support vector machines" (1999).
    """

    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    thresholds: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = (len(OUTPUTS), len(self.thresholds))
        for name, values in (("scale", self.scale), ("bias", self.bias)):
            if values.shape != shape:
                raise ValueError(f"calibration {name} must have shape {shape}, got {values.shape}")
            if not (np.abs(values) <= LARGEST).all():  # nor is NaN
                raise ValueError(f"calibration {name} must be numbers from -1e6 to 1e6")
        if not (self.scale > 0).all():
            raise ValueError(f"calibration scale must be above 0, got {self.scale.min()}")
        if not ((self.thresholds > 0) & (self.thresholds < 1)).all():
            raise ValueError("thresholds must lie between 0 and 1, not on either")

    @classmethod
    def neutral(cls, n_tags: int) -> Self:
        """Return the calibration that changes nothing, with thresholds of 0.5."""
        shape = (len(OUTPUTS), n_tags)
        return cls(
            scale=np.ones(shape, np.float32),
            bias=np.zeros(shape, np.float32),
            thresholds=np.full(n_tags, 0.5, np.float32),
        )

    def combined(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities of the combined logits, (..., tags)."""
        return _sigmoid(logits * self.scale[0] + self.bias[0])

    def branches(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities of the branches' logits, (..., branches, tags)."""
        return _sigmoid(logits * self.scale[1:] + self.bias[1:])

    def as_table(self) -> dict[str, object]:
        """Return plain lists, to be written as JSON."""
        return {
            "scale": {n: _plain(row) for n, row in zip(OUTPUTS, self.scale, strict=True)},
            "bias": {n: _plain(row) for n, row in zip(OUTPUTS, self.bias, strict=True)},
            "thresholds": _plain(self.thresholds),
        }

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Self:
        """Build a calibration from what ``as_table`` gave.

        Raises:
            ValueError: If a part is missing, a number too large or a value out of range.
            TypeError: If a part is not made of numbers.
        """
        rows = {}
        for name in ("scale", "bias"):
            part = table.get(name)
            if not isinstance(part, dict) or set(part) != set(OUTPUTS):
                raise ValueError(f"calibration {name} must have the parts {OUTPUTS}")
            rows[name] = [numbers_of(part[o], f"calibration {name} of {o}") for o in OUTPUTS]
            if len({len(row) for row in rows[name]}) > 1:
                raise ValueError(f"calibration {name} must have as many numbers for each output")
        return cls(
            scale=np.stack(rows["scale"]),
            bias=np.stack(rows["bias"]),
            thresholds=numbers_of(table.get("thresholds"), "calibration thresholds"),
        )


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    # exp of a large negative number's negative overflows; half the tangent never does.
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)


def _plain(values: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 5) for value in values]
