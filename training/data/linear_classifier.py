"""A linear classifier on given features, and what it says of rows it was not fitted to."""

import hashlib

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

_PARTS = 4
_EPOCHS = 30
_MINIMUM_STEPS = 500
_BATCH_SIZE = 256
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 0.1


def out_of_fold_probabilities(
    features: NDArray[np.float32], targets: NDArray[np.float32], groups: NDArray[np.str_]
) -> NDArray[np.float32]:
    """Return (rows, tags) probabilities, each from a classifier fitted without the row's group.

    Args:
        features: (rows, features), standardized.
        targets: (rows, tags), 0 or 1.
        groups: (rows,); rows of one group are fitted or asked about together.
    """
    part = np.array(
        [hashlib.sha256(group.encode()).digest()[0] % _PARTS for group in groups.tolist()]
    )
    found = np.zeros_like(targets)
    for asked in range(_PARTS):
        chosen = part == asked
        if chosen.any() and not chosen.all():
            weight, bias = fit_linear(features[~chosen], targets[~chosen])
            logits = torch.from_numpy(features[chosen]) @ weight + bias
            found[chosen] = torch.sigmoid(logits).numpy()
    return found


def fit_linear(
    features: NDArray[np.float32], targets: NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit a linear classifier of independent tags; the same rows give the same weights.

    Args:
        features: (rows, features), standardized.
        targets: (rows, tags), 0 or 1.

    Returns:
        Weight (features, tags) and bias (tags,).
    """
    inputs, wanted = torch.from_numpy(features), torch.from_numpy(targets)
    weight = torch.zeros(features.shape[1], targets.shape[1], requires_grad=True)
    share = wanted.mean(dim=0).clamp(1e-4, 0.5)
    bias = torch.log(share / (1 - share)).requires_grad_()
    steps = max(_MINIMUM_STEPS, _EPOCHS * len(inputs) // _BATCH_SIZE)
    optimizer = torch.optim.AdamW([weight, bias], lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(inputs), (_BATCH_SIZE,), generator=generator)
        logits = inputs[rows] @ weight + bias
        loss = F.binary_cross_entropy_with_logits(logits, wanted[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return weight.detach(), bias.detach()
