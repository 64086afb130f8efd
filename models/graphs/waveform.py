"""The waveform branch's learned filters as a graph, in float32 or in 8 bits."""

from typing import Any, Final

import numpy as np

from earmark.models.timebase import FRAME_SAMPLES

from .graph import Graph
from .weights import Array, weights_of

# Neighbouring positions whose responses are one product in 8 bits: a window of sound is cut out
# once for all of them, at the price of some zeros among their filters.
_POSITIONS: Final = 25

# Steps on either side of zero. Seven bits of sound: with eight, two products could overflow the 16
# bits in which processors without instructions for neural networks add them.
_STEPS: Final = 63


def write_waveform(
    graph: Graph, frames: str, front_end: Any, projection: Array, *, eight_bits: bool
) -> str:
    """Return projected features ``(frames, d_model)`` of ``(frames, 400)``.

    Args:
        graph: To write to.
        frames: (frames, 400).
        front_end: ``earmark.models.frontends.waveform.WaveformFrontEnd``.
        projection: (filters, d_model).
        eight_bits: Whether filters are rounded to 8 bits, each by itself, and frames to 7.
    """
    filters = weights_of(front_end)["filters"]
    write_loudest = _write_loudest_in_8_bits if eight_bits else _write_loudest
    loudest = write_loudest(graph, frames, filters)
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


def _write_loudest_in_8_bits(graph: Graph, frames: str, filters: Array) -> str:
    """Return the maximum of each filter's responses, ``(frames, filters)``.

    A frame is measured in steps of its own loudest sample, so that it does not matter in whose
    company it is heard. Whole numbers are compared; only the loudest become responses again.
    """
    n_filters, n_taps = filters.shape
    left = (n_taps - 1) // 2
    # Sound is cut out in pieces of as many samples as there are positions.
    n_cuts, n_pieces = FRAME_SAMPLES // _POSITIONS, -(-(n_taps - 1) // _POSITIONS) + 1
    width = n_pieces * _POSITIONS
    steps = np.maximum(np.abs(filters).max(axis=1), 1e-9) / 127
    shifted = np.zeros((width, _POSITIONS, n_filters))
    for position in range(_POSITIONS):
        shifted[position : position + n_taps, position] = np.round(filters / steps[:, None]).T
    peak = graph.op("ReduceMax", graph.op("Abs", frames), graph.integers([1]), keepdims=1)
    peak = graph.op("Max", peak, graph.floats(1e-9))
    middle = graph.bytes(64)
    rounded = graph.op(
        "QuantizeLinear", graph.op("Div", frames, peak), graph.floats(1 / _STEPS), middle
    )
    right = (n_cuts + n_pieces - 1) * _POSITIONS - left - FRAME_SAMPLES
    rounded = graph.op("Pad", rounded, graph.integers([0, left, 0, right]), middle)
    pieces = graph.reshape(rounded, -1, n_cuts + n_pieces - 1, _POSITIONS)
    at = np.arange(n_cuts)[:, None] + np.arange(n_pieces)
    windows = graph.op("Gather", pieces, graph.integers(at), axis=1)
    windows = graph.reshape(windows, -1, n_cuts, width)
    products = graph.op(
        "MatMulInteger",
        windows,
        graph.integers(shifted.reshape(width, -1), np.int8),
        middle,
        graph.integers(0, np.int8),
    )
    loudest = graph.op("ReduceMax", products, graph.integers([1]), keepdims=0)
    loudest = graph.reshape(loudest, -1, _POSITIONS, n_filters)
    loudest = graph.op("ReduceMax", loudest, graph.integers([1]), keepdims=0)
    loudest = graph.op("Cast", loudest, to=1)  # 1: float32
    return graph.op("Mul", graph.op("Mul", loudest, graph.floats(steps / _STEPS)), peak)


def _cut(graph: Graph, value: str, start: int, end: int) -> str:
    """Return the samples from ``start`` to before ``end`` of (frames, 1, samples)."""
    return graph.op(
        "Slice", value, graph.integers([start]), graph.integers([end]), graph.integers([2])
    )
