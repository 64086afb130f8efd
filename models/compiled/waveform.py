"""The waveform branch's learned filters as a graph."""

from typing import Any

import numpy as np

from earmark.models.timebase import FRAME_SAMPLES

from .graph import Graph
from .weights import Array, weights_of


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
