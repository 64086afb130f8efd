"""The neuralogram's MobileNet as a graph, in float32 or for the most part in 8 bits."""

from typing import Any, Final

import numpy as np

from .graph import CONTRIB, Graph
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
    graph: Graph,
    images: str,
    mobilenet: Any,
    projection: Array,
    *,
    size: tuple[int, int],
    eight_bits: bool,
) -> str:
    """Return projected features ``(images, d_model)`` of ``(images, 1, height, width)``.

    Args:
        graph: To write to.
        images: (images, 1, height, width).
        mobilenet: ``earmark.models.mobilenet.MobileNetV1``.
        projection: (channels, d_model).
        size: Height and width.
        eight_bits: Whether the later layers compute in 8 bits: weights rounded for each channel by
            itself, activations in steps that do not depend on the sound.
    """
    layers = sorted(mobilenet.layers.named_children(), key=lambda child: int(child[0]))
    value = images
    for i, (_, layer) in enumerate(layers):
        weights = weights_of(layer)
        scale, shift = batch_norm(weights, "1", _EPSILON)
        kernel = weights["0.weight"] * scale[:, None, None, None]
        convolution = dict(layer.named_children())["0"]
        stride = int(convolution.stride[0])
        size = -(-size[0] // stride), -(-size[1] // stride)
        if eight_bits and i >= _FIRST_IN_8_BITS:
            if i == _FIRST_IN_8_BITS:
                value = graph.op("QuantizeLinear", value, graph.floats(_STEP), graph.bytes(0))
                value = graph.op("Transpose", value, perm=[0, 2, 3, 1])
            value = _convolved_in_8_bits(graph, value, kernel, shift, stride, size)
        else:
            value = graph.op(
                "Conv",
                value,
                graph.floats(kernel),
                graph.floats(shift),
                group=int(convolution.groups),
                strides=[stride, stride],
                pads=[kernel.shape[2] // 2] * 4,
            )
            value = graph.op("Clip", value, graph.floats(0.0), graph.floats(_CEILING))
    if eight_bits:
        value = graph.op("DequantizeLinear", value, graph.floats(_STEP), graph.bytes(0))
        pooled = graph.op("ReduceMean", value, graph.integers([1, 2]), keepdims=0)
    else:
        pooled = graph.reshape(graph.op("GlobalAveragePool", value), -1, projection.shape[0])
    return graph.op("MatMul", pooled, graph.floats(projection))


def _convolved_in_8_bits(
    graph: Graph, value: str, kernel: Array, shift: Array, stride: int, size: tuple[int, int]
) -> str:
    """Return the activations of a layer, cut off at 0 and 6 by the 8 bits themselves.

    Channels lie last: where a kernel is of one position, the layer is then one product for all
    images, and its weights are fetched once.
    """
    n_channels = len(kernel)
    largest = np.abs(kernel).reshape(n_channels, -1).max(axis=1)
    steps = np.maximum(largest, 1e-9) / _STEPS
    rounded = np.round(kernel / steps[:, None, None, None])
    bias = np.clip(np.round(shift / (_STEP * steps)), -(2**30), 2**30)
    activations = (graph.floats(_STEP), graph.bytes(0))  # the same steps leave as enter
    scales = graph.floats(steps)
    middles, added = graph.integers(np.zeros(n_channels), np.int8), graph.integers(bias, np.int32)
    if kernel.shape[2] == 1:
        matrix = graph.integers(rounded[:, :, 0, 0].T, np.int8)
        rows = graph.reshape(value, -1, kernel.shape[1])
        product = graph.op(
            "QGemm",
            rows,
            *activations,
            matrix,
            scales,
            middles,
            added,
            *activations,
            domain=CONTRIB,
        )
        return graph.reshape(product, -1, *size, n_channels)
    return graph.op(
        "QLinearConv",
        value,
        *activations,
        graph.integers(rounded, np.int8),
        scales,
        middles,
        *activations,
        added,
        domain=CONTRIB,
        group=n_channels,
        strides=[stride, stride],
        pads=[kernel.shape[2] // 2] * 4,
        channels_last=1,
    )
