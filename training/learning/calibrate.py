"""Calibration and thresholds, fitted on clips held out of the training."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from earmark.models.calibration import Calibration
from earmark.models.tagger import AnyHead

from .embeddings import Embeddings

# What is likelier not there than there by far is never said to be heard.
_CANDIDATES = np.linspace(0.25, 0.95, 71)

# A threshold of one's own needs this many windows that carry the tag; rarer tags share one.
_MINIMUM_POSITIVES = 20

# How far a tag's own scale (as a logarithm) and bias may be expected to lie from all tags'.
_SPREAD = (0.25, 0.75)

# How far all tags' may be expected to lie from none: hardly a bound, but no scale becomes 0.
_SHARED_SPREAD = (1.0, 5.0)

# How far above the most that a tag is heard where nothing sounds its threshold stands, as a logit:
# an hour of such sound does not show the worst of the next.
_MARGIN = 0.5


@torch.no_grad()
def fit_calibration(head: AnyHead, held_out: Embeddings, negatives: Embeddings) -> Calibration:
    """Fit Platt scaling of each tag in each output, and each tag's best threshold.

    Args:
        head: Trained.
        held_out: Windows that neither branches nor head have learned from; their targets are
            labels, or how likely a tag is there.
        negatives: Windows in which nothing sounds; thresholds stand above them.
    """
    combined, silent = (
        head(windows.embeddings.to(head.bias.device)).cpu() for windows in (held_out, negatives)
    )
    outputs = [combined, *held_out.branch_logits.unbind(dim=1)]
    fitted = [platt_per_tag(logits, held_out.targets, held_out.clips) for logits in outputs]
    n_tags = combined.shape[1]
    calibration = Calibration(
        scale=np.stack([scale for scale, _ in fitted]),
        bias=np.stack([bias for _, bias in fitted]),
        thresholds=np.full(n_tags, 0.5, np.float32),
    )
    heard = calibration.combined(combined.numpy())
    best = best_thresholds(heard, held_out.targets.numpy() >= 0.5)
    most = torch.from_numpy(calibration.combined(silent.numpy()).max(axis=0))
    floor = torch.sigmoid(torch.logit(most, eps=1e-6) + _MARGIN).numpy()
    thresholds = np.minimum(np.maximum(best, floor), _CANDIDATES[-1]).astype(np.float32)
    return Calibration(scale=calibration.scale, bias=calibration.bias, thresholds=thresholds)


def platt_per_tag(
    logits: Tensor, targets: Tensor, clips: Tensor, *, trust: Tensor | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scale and bias of each tag, drawn to those of all tags the rarer the tag is.

    Each tag's own scale and bias have a normal prior around the common ones, so a tag that few
    clips carry stays near them, and one that many carry has its own. A clip counts once, however
    many windows it has: they are not independent.

    Args:
        logits: (windows, tags).
        targets: (windows, tags), between 0 and 1.
        clips: (windows,) index of each window's clip.
        trust: (windows, tags), how much each target counts; without it all do.

    Source: Platt, "Probabilistic outputs for support vector machines" (1999), as a hierarchical
    model.
    """
    n_tags = logits.shape[1]
    # In single precision the search ends early: what is left to gain is small beside the sum.
    logits, targets = logits.double(), targets.double()
    shared = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)  # log of the scale, bias
    own = torch.zeros(2, n_tags, dtype=torch.float64, requires_grad=True)
    spread, shared_spread = torch.tensor([_SPREAD, _SHARED_SPREAD], dtype=torch.float64)[..., None]
    weight = (1 / torch.bincount(clips).clamp(min=1)[clips].double())[:, None]
    if trust is not None:
        weight = weight * trust
    n_clips = len(torch.unique(clips))
    optimizer = torch.optim.LBFGS([shared, own], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        with torch.enable_grad():
            log_scale, bias = shared + own
            loss = F.binary_cross_entropy_with_logits(
                logits * log_scale.exp() + bias, targets, weight=weight, reduction="sum"
            )
            prior = (own / spread).square().sum() + (shared / shared_spread).square().sum()
            loss = (loss + 0.5 * prior) / n_clips
            loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    log_scale, bias = (shared + own).detach().float().numpy()
    return np.exp(log_scale), bias


def best_thresholds(
    probabilities: NDArray[np.float32], carried: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return each tag's threshold of best F1; tags seen too rarely take the best one for all.

    Args:
        probabilities: (windows, tags).
        carried: (windows, tags).

    Returns:
        (tags,) between 0.25 and 0.95.
    """
    above = probabilities[None] >= _CANDIDATES[:, None, None]  # (candidates, windows, tags)
    hits = (above & carried).sum(axis=1)
    scores = 2 * hits / np.maximum(above.sum(axis=1) + carried.sum(axis=0), 1)
    summed = 2 * hits.sum(axis=1) / np.maximum(above.sum(axis=(1, 2)) + carried.sum(), 1)
    own = _CANDIDATES[scores.argmax(axis=0)]
    shared = _CANDIDATES[summed.argmax()]
    is_frequent = carried.sum(axis=0) >= _MINIMUM_POSITIVES
    return np.asarray(np.where(is_frequent, own, shared), np.float32)
