"""A linear answer on embeddings, from a few clips and much background."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

# How far a covariance is drawn to a round one: few clips tell little of directions in which sound
# hardly moves.
_SHRINKAGE = 0.1

# Weight decay of the logistic regression, on whitened embeddings.
_WEIGHT_DECAY = 0.002

# Of all that speaks against a clip's sound: what the clips of other taught tags say.
_RIVALS_SHARE = 0.3

# Newton's method is there after a dozen steps, or never.
_MOST_STEPS = 50

# So many of the background's highest scores are taken for the tail of an exponential: further in
# it falls more slowly, and would let expect more alarms than there are.
_TAIL_WINDOWS = 25

# At most this share of a small background.
_WIDEST_TAIL = 0.1

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """A score that is linear in the embedding.

    Args:
        weight: (inputs,).
        bias: Added to the product.
    """

    weight: _Floats
    bias: float

    def scores(self, embeddings: _Floats) -> _Floats:
        """Return (windows,) of (windows, inputs)."""
        return np.asarray(embeddings @ self.weight + self.bias, np.float32)

    def moved(self, origin: float, unit: float) -> Self:
        """Return the row whose score is 0 at ``origin``, in steps of ``unit``."""
        return type(self)(self.weight / np.float32(unit), (self.bias - origin) / unit)


@dataclass(frozen=True)
class Tail:
    """How often the background reaches high scores.

    Args:
        start: Score from which on the tail is exponential.
        scale: Each step of it makes scores rarer by a factor of e.
        share: Of the windows that reach the start.
    """

    start: float
    scale: float
    share: float

    @classmethod
    def of(cls, scores: _Floats) -> Self:
        """Fit the tail of the scores of many windows."""
        share = min(_TAIL_WINDOWS / len(scores), _WIDEST_TAIL)
        start = float(np.quantile(scores, 1 - share))
        above = scores[scores > start] - start
        # A background that is all alike has no tail; the smallest keeps scores finite.
        return cls(start, max(float(above.mean()) if len(above) else 0.0, 1e-3), share)

    def score_of(self, share: float) -> float:
        """Return the score that this share of the windows reaches."""
        return self.start + self.scale * float(np.log(self.share / share))


def fit_row(
    clips: Sequence[_Floats],
    background: _Floats,
    rivals: Sequence[_Floats] = (),
    within: _Floats | None = None,
) -> Row:
    """Fit logistic regression of clips against background.

    The embeddings are whitened first by how the windows of one recording differ: weight decay
    then spares directions that tell sounds apart, which few clips cannot show. Where that is not
    known they are whitened by the background. A clip counts once, however long it is; clips and
    background count alike in all.

    Args:
        clips: For each clip the embeddings of its windows, (windows, inputs).
        background: (windows, inputs) of other sound.
        rivals: As ``clips``, of the other taught tags.
        within: Covariance of the windows of one recording, (inputs, inputs).

    Source: Hatch et al., "Within-class covariance normalization for SVM-based speaker recognition"
    (2006); shrinkage as in Ledoit and Wolf, "A well-conditioned estimator for large-dimensional
    covariance matrices" (2004), with a fixed intensity.
    """
    center = background.astype(np.float64).mean(axis=0)
    whitening = _whitening(_covariance(background) if within is None else within)
    positive, other = np.concatenate(clips), [background, *rivals]
    inputs = (np.concatenate([positive, *other]) - center) @ whitening
    share = _RIVALS_SHARE if rivals else 0.0
    weights = [
        *(np.full(len(c), 0.5 / len(clips) / len(c)) for c in clips),
        np.full(len(background), 0.5 * (1 - share) / len(background)),
        *(np.full(len(c), 0.5 * share / len(rivals) / len(c)) for c in rivals),
    ]
    targets = np.arange(len(inputs)) < len(positive)
    weight, bias = _logistic(inputs, targets, np.concatenate(weights))
    joint = whitening @ weight
    return Row(joint.astype(np.float32), float(bias - center @ joint))


def _covariance(values: _Floats) -> NDArray[np.float64]:
    apart = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    return np.asarray(apart.T @ apart / len(values))


def _whitening(covariance: NDArray[np.floating]) -> NDArray[np.float64]:
    spread = np.trace(covariance) / len(covariance) or 1.0
    drawn = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * spread * np.eye(len(covariance))
    sizes, directions = np.linalg.eigh(drawn)
    return np.asarray(directions / np.sqrt(sizes))


def _logistic(
    inputs: NDArray[np.float64], targets: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return weight and bias of weighted logistic regression with weight decay, by Newton steps."""
    rows = np.column_stack([inputs, np.ones(len(inputs))])
    signs = np.where(targets, 1.0, -1.0)
    # The bias is free; a trace of decay keeps the step finite where all is told apart.
    decay = np.append(np.full(inputs.shape[1], _WEIGHT_DECAY), 1e-6)

    def loss(found: NDArray[np.float64]) -> float:
        margins = signs * (rows @ found)
        return float(weights @ np.logaddexp(0, -margins) + 0.5 * decay @ found**2)

    found = np.zeros(rows.shape[1])
    before = loss(found)
    for _ in range(_MOST_STEPS):
        missing = 0.5 * (1 - np.tanh(0.5 * signs * (rows @ found)))
        gradient = decay * found - rows.T @ (weights * signs * missing)
        curvature = weights * missing * (1 - missing)
        step = np.linalg.solve((rows.T * curvature) @ rows + np.diag(decay), gradient)
        size = 1.0
        while (after := loss(found - size * step)) > before and size > 1e-4:
            size /= 2
        found = found - size * step
        if before - after < 1e-9:
            break
        before = after
    return found[:-1], float(found[-1])
