"""Calibration and thresholds, fitted on clips held out of the training."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from earmark.models.calibration import Calibration
from earmark.models.head import Head

from .embeddings import Embeddings

# What is likelier not there than there by far is never said to be heard.
_CANDIDATES = np.linspace(0.25, 0.95, 71)

# A threshold of one's own needs this many windows that carry the tag; rarer tags share one.
_MINIMUM_POSITIVES = 20


@torch.no_grad()
def fit_calibration(head: Head, held_out: Embeddings) -> Calibration:
    """Fit Platt scaling of each output, shared by its tags, and each tag's best threshold.

    Args:
        head: Trained.
        held_out: Windows that neither branches nor head have learned from.
    """
    combined = head(held_out.embeddings.to(head.weight.device)).cpu()
    outputs = [combined, *held_out.branch_logits.unbind(dim=1)]
    n_tags = combined.shape[1]
    fitted = np.array([_platt(logits, held_out.targets) for logits in outputs], np.float32)
    scale = np.repeat(fitted[:, :1], n_tags, axis=1)
    bias = np.repeat(fitted[:, 1:], n_tags, axis=1)
    probabilities = Calibration(
        scale=scale, bias=bias, thresholds=np.full(n_tags, 0.5, np.float32)
    ).combined(combined.numpy())
    thresholds = best_thresholds(probabilities, held_out.targets.numpy() > 0)
    return Calibration(scale=scale, bias=bias, thresholds=thresholds)


def _platt(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    parameters = torch.tensor([0.0, 0.0], requires_grad=True)  # log of the scale, bias
    optimizer = torch.optim.LBFGS([parameters], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        with torch.enable_grad():
            scaled = logits * parameters[0].exp() + parameters[1]
            loss = F.binary_cross_entropy_with_logits(scaled, targets)
            loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    return float(parameters[0].exp()), float(parameters[1])


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
