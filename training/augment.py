"""Changes to a batch that teach invariance; pure functions of a batch and a generator."""

import numpy as np
import torch
from torch import Tensor


def random_gain(waveform: Tensor, *, gain_db: float, generator: np.random.Generator) -> Tensor:
    """Change each window's level by up to ``gain_db`` either way, and its polarity at random.

    Shape:
        - Input and output: ``(batch, samples)``
    """
    gain = 10 ** (generator.uniform(-gain_db, gain_db, len(waveform)) / 20)
    sign = generator.choice([-1.0, 1.0], len(waveform))
    return waveform * torch.from_numpy((gain * sign).astype(np.float32))[:, None]


def mixup(
    inputs: Tensor, targets: Tensor, *, alpha: float, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mix each example with another one of the batch, and their targets alike.

    Args:
        inputs: ``(batch, ...)``.
        targets: ``(batch, tags)``.
        alpha: Both parameters of the Beta distribution of the share; small: mostly one of them.
        generator: Source of the shares and partners.

    Source: Zhang et al., "mixup" (2018); Tokozume et al., "Between-class examples" (2018).
    """
    share = generator.beta(alpha, alpha, len(inputs)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    partner = torch.from_numpy(generator.permutation(len(inputs)))
    kept = torch.from_numpy(share)
    for_inputs = kept.view(-1, *[1] * (inputs.dim() - 1))
    mixed = for_inputs * inputs + (1 - for_inputs) * inputs[partner]
    return mixed, kept[:, None] * targets + (1 - kept[:, None]) * targets[partner]
