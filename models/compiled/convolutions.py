"""Learned filters as graphs: those of the waveform branch and those of the MobileNet."""

from typing import Any

import numpy as np

from earmark.models.timebase import FRAME_SAMPLES

from .graph import Graph
from .weights import Array, batch_norm, weights_of

_EPSILON = 1e-5  # of torch's batch normalization


def write_waveform(graph: Graph, frames: str, front_end: Any, projection: Array) -> str:
    """Return projected features ``(frames, d_model)`` of ``(frames, 400)``.

    Args:
        graph: To write to.
        frames: (frames, 400).
        front_end: ``earmark.models.frontends.waveform.WaveformFrontEnd``.
        projection: (filters, d_model).
    """
    loudest = _write_loudest(graph, frames, weights_of(front_end)["filters"])
    if bool(front_end.log_compression):
        heard = graph.op("Add", graph.op("Relu", loudest), graph.floats(float(front_end.floor)))
        loudest = graph.op("Log", heard)
    return graph.op("MatMul", loudest, graph.floats(projection))


def _write_loudest(graph: Graph, frames: str, filters: Array) -> str:
    """Return the maximum of each filter's responses, ``(frames, filters)``.

    Even and odd samples x, y of a frame meet even and odd taps a, b: ``ax + by`` are the even
    responses and ``ay + bx'`` the odd ones, x' being x a step later. Written as ``(a + b)y`` plus
    ``a(x - y)`` or ``b(x' - y)``, they take three convolutions of half the length instead of four.

    Source: Parker and Parhi, "Low-area/power parallel FIR digital filter implementations" (1997).
    """
    n_taps = filters.shape[1]
    if n_taps % 2:
        filters = np.pad(filters, ((0, 0), (0, 1)))
    left = (n_taps - 1) // 2
    right = filters.shape[1] - left  # one more than is heard: samples come in pairs
    half = (left + FRAME_SAMPLES + right) // 2
    padded = graph.op("Pad", frames, graph.integers([0, left, 0, right]))
    pairs = graph.op("Transpose", graph.reshape(padded, -1, half, 2), perm=[0, 2, 1])
    x, y = graph.ops("Split", pairs, count=2, axis=1, num_outputs=2)  # (frames, 1, half)
    later = _cut(graph, x, 1, half)
    x, y = _cut(graph, x, 0, half - 1), _cut(graph, y, 0, half - 1)
    a, b = filters[:, None, ::2], filters[:, None, 1::2]
    shared = graph.op("Conv", y, graph.floats(a + b))
    loudest = []
    for difference, taps in ((graph.op("Sub", x, y), a), (graph.op("Sub", later, y), b)):
        own = graph.op("Conv", difference, graph.floats(taps))
        responses = graph.op("Add", shared, own)
        loudest.append(graph.op("ReduceMax", responses, graph.integers([2]), keepdims=0))
    return graph.op("Max", *loudest)


def _cut(graph: Graph, value: str, start: int, end: int) -> str:
    """Return the samples from ``start`` to before ``end`` of (frames, 1, samples)."""
    return graph.op(
        "Slice", value, graph.integers([start]), graph.integers([end]), graph.integers([2])
    )


def write_mobilenet(graph: Graph, images: str, mobilenet: Any, projection: Array) -> str:
    """Return projected features ``(images, d_model)`` of ``(images, 1, height, width)``.

    Args:
        graph: To write to.
        images: (images, 1, height, width).
        mobilenet: ``earmark.models.mobilenet.MobileNetV1``.
        projection: (channels, d_model).
    """
    value = images
    for _, layer in sorted(mobilenet.layers.named_children(), key=lambda child: int(child[0])):
        convolution = dict(layer.named_children())["0"]
        weights = weights_of(layer)
        scale, shift = batch_norm(weights, "1", _EPSILON)
        kernel = weights["0.weight"] * scale[:, None, None, None]
        value = graph.op(
            "Conv",
            value,
            graph.floats(kernel),
            graph.floats(shift),
            group=int(convolution.groups),
            strides=list(convolution.stride),
            pads=[kernel.shape[2] // 2] * 4,
        )
        value = graph.op("Clip", value, graph.floats(0.0), graph.floats(6.0))
    pooled = graph.op("GlobalAveragePool", value)
    pooled = graph.reshape(pooled, -1, projection.shape[0])
    return graph.op("MatMul", pooled, graph.floats(projection))
