"""The neuralogram's MobileNet as a graph, in float32 or for the most part in 8 bits."""

from typing import Any, Final

import numpy as np

from .graph import Graph
from .weights import Array, batch_norm, weights_of

_EPSILON: Final = 1e-5  # of torch's batch normalization
_CEILING: Final = 6.0  # of the activations: ReLU6

# From this layer on, which leads to the first of 512 channels, the weights are many and the
# positions few: nine tenths of the weights, and sums long enough to even out what rounding does.
_FIRST_IN_8_BITS: Final = 11

# Steps of a weight on either side of zero. Seven bits: with eight, two products could overflow the
# 16 bits in which processors without instructions for neural networks add them.
_STEPS: Final = 63

#: Every activation lies between 0 and 6, so that one step serves all layers and all sounds.
_STEP: Final = _CEILING / 255


def write_mobilenet(
    graph: Graph, images: str, mobilenet: Any, projection: Array, *, eight_bits: bool
) -> str:
    """Return projected features ``(images, d_model)`` of ``(images, 1, height, width)``.

    Args:
        graph: To write to.
        images: (images, 1, height, width).
        mobilenet: ``earmark.models.mobilenet.MobileNetV1``.
        projection: (channels, d_model).
        eight_bits: Whether the later layers compute in 8 bits: weights rounded for each channel by
            itself, activations in steps that do not depend on the sound.
    """
    layers = sorted(mobilenet.layers.named_children(), key=lambda child: int(child[0]))
    is_rounded = False
    value = images
    for i, (_, layer) in enumerate(layers):
        weights = weights_of(layer)
        scale, shift = batch_norm(weights, "1", _EPSILON)
        kernel = weights["0.weight"] * scale[:, None, None, None]
        convolution = dict(layer.named_children())["0"]
        settings: dict[str, Any] = {
            "group": int(convolution.groups),
            "strides": list(convolution.stride),
            "pads": [kernel.shape[2] // 2] * 4,
        }
        if eight_bits and i >= _FIRST_IN_8_BITS:
            if not is_rounded:
                value = graph.op("QuantizeLinear", value, graph.floats(_STEP), graph.bytes(0))
                is_rounded = True
            value = _convolved_in_8_bits(graph, value, kernel, shift, settings)
        else:
            value = graph.op("Conv", value, graph.floats(kernel), graph.floats(shift), **settings)
            value = graph.op("Clip", value, graph.floats(0.0), graph.floats(_CEILING))
    if is_rounded:
        value = graph.op("DequantizeLinear", value, graph.floats(_STEP), graph.bytes(0))
    pooled = graph.reshape(graph.op("GlobalAveragePool", value), -1, projection.shape[0])
    return graph.op("MatMul", pooled, graph.floats(projection))


def _convolved_in_8_bits(
    graph: Graph, value: str, kernel: Array, shift: Array, settings: dict[str, Any]
) -> str:
    """Return the activations of a layer, cut off at 0 and 6 by the 8 bits themselves."""
    largest = np.abs(kernel).reshape(len(kernel), -1).max(axis=1)
    steps = np.maximum(largest, 1e-9) / _STEPS
    rounded = np.round(kernel / steps[:, None, None, None])
    bias = np.clip(np.round(shift / (_STEP * steps)), -(2**30), 2**30)
    entering = (graph.floats(_STEP), graph.bytes(0))
    return graph.op(
        "QLinearConv",
        value,
        *entering,
        graph.integers(rounded, np.int8),
        graph.floats(steps),
        graph.integers(np.zeros(len(kernel)), np.int8),
        *entering,  # the same steps leave as enter
        graph.integers(bias, np.int32),
        **settings,
    )
