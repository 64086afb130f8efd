"""Weights out of a module, and the layers that disappear into their neighbours."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]


def weights_of(module: Any) -> dict[str, Array]:
    """Return the parameters and buffers of a module, in the precision that folding asks for.

    Args:
        module: ``earmark.models.bundle.stored_module.StoredModule``, or a module on the processor.
    """
    return {name: np.asarray(values, np.float64) for name, values in module.state_dict().items()}


def part_of(weights: Weights, prefix: str) -> dict[str, Array]:
    """Return the weights of a submodule, under the names they have in it."""
    start = f"{prefix}."
    return {name.removeprefix(start): w for name, w in weights.items() if name.startswith(start)}


def linear(weights: Weights, name: str) -> tuple[Array, Array]:
    """Return (inputs, outputs) weight and bias of a linear layer."""
    return weights[f"{name}.weight"].T, weights[f"{name}.bias"]


def batch_norm(weights: Weights, name: str, epsilon: float) -> tuple[Array, Array]:
    """Return the scale and the shift that a batch normalization is when it no longer learns."""
    scale = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + epsilon)
    return scale, weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * scale


def after(
    scale: Array, shift: Array, weight: Array, bias: Array | float = 0.0
) -> tuple[Array, Array]:
    """Return the linear layer that does a scale and a shift and then a linear layer."""
    return scale[:, None] * weight, shift @ weight + bias
