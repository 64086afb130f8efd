"""The pitch branch's constant-Q transform, so that a frame of sound is multiplied only once."""

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import FRAME_SAMPLES, FRAMES_PER_WINDOW

from .graph import Graph
from .weights import Array, weights_of


class ConstantQGraph:
    """Writes the constant-Q transform in two steps, and the map of its peaks.

    A kernel reaches over several frames of sound. Cut at their borders, each piece of it is
    multiplied with each frame once, whichever windows the frame belongs to; a window's transform is
    then a sum of such products, those of frames outside of the window left out.

    Args:
        constant_q: ``earmark.models.frontends.pitch.ConstantQ``, of a tagger or out of a bundle.
        factored: Whether kernels may be multiplied in two steps, where that is less. It is as exact
            as float32 is, but rounds in other places: where there is next to nothing to be heard,
            other peaks may come of it.
    """

    def __init__(self, constant_q: Any, *, factored: bool = False) -> None:
        flat = weights_of(constant_q)["kernels"]
        self._groups: list[_Group] = []
        offset = 0
        for length, size in zip(constant_q.lengths, constant_q.sizes, strict=True):
            kernel = flat[offset : offset + length * size].reshape(length, size)
            offset += length * size
            self._groups.append(_Group(kernel, factored=factored))

    @property
    def n_products(self) -> int:
        """Products of one frame with all pieces of all kernels."""
        return sum(group.n_products for group in self._groups)

    def write_products(self, graph: Graph, frames: str) -> str:
        """Return ``(frames, n_products)`` of ``(frames, 400)``."""
        products = []
        for is_factored, run in groupby(self._groups, key=lambda group: len(group.factors) > 1):
            factors = [group.factors for group in run]
            first = np.concatenate([matrices[0] for matrices in factors], axis=1)
            product = graph.op("MatMul", frames, graph.floats(first))
            if not is_factored:
                products.append(product)
                continue
            widths = graph.integers([matrices[0].shape[1] for matrices in factors])
            parts = graph.ops("Split", product, widths, count=len(factors), axis=1)
            products += [
                graph.op("MatMul", part, graph.floats(matrices[1]))
                for part, matrices in zip(parts, factors, strict=True)
            ]
        return graph.op("Concat", *products, axis=1)

    def write_peaks(self, graph: Graph, products: str, first: str) -> str:
        """Return ``(windows, 40, bins)``, 1 at a peak and 0 elsewhere.

        Args:
            graph: To write to.
            products: (frames, n_products).
            first: (windows, 1, 1), the number of each window's first frame.
        """
        widths = graph.integers([group.n_products for group in self._groups])
        parts = graph.ops("Split", products, widths, count=len(self._groups), axis=1)
        sums = [
            group.write(graph, part, first) for group, part in zip(self._groups, parts, strict=True)
        ]
        joint = graph.op("Concat", *sums, axis=2)  # (windows, 40, real and imaginary parts)
        # Squares are compared as the magnitudes would be, and no root need be drawn.
        power = graph.op("MatMul", graph.op("Mul", joint, joint), graph.floats(self._pairing()))
        return _write_peak_map(graph, power, self._n_bins)

    @property
    def _n_bins(self) -> int:
        return sum(group.n_bins for group in self._groups)

    def _pairing(self) -> Array:
        """Return what adds the square of a bin's real part to that of its imaginary part."""
        pairing = np.zeros((2 * self._n_bins, self._n_bins))
        first_bin = 0
        for group in self._groups:
            bins = np.arange(group.n_bins)
            for half in (0, group.n_bins):
                pairing[2 * first_bin + half + bins, first_bin + bins] = 1
            first_bin += group.n_bins
        return pairing


class _Group:
    """Kernels of one length, cut into pieces of a frame.

    Args:
        kernel: (samples, 2 x bins), real parts and then imaginary ones.
        factored: Whether the pieces may be the product of two matrices.
    """

    def __init__(self, kernel: Array, *, factored: bool) -> None:
        length, self._size = kernel.shape
        self.n_bins = self._size // 2
        # A frame's kernel is centred on the frame's first sample.
        self._before = -(-(length // 2) // FRAME_SAMPLES)
        lead = self._before * FRAME_SAMPLES - length // 2
        self._n_pieces = -(-(lead + length) // FRAME_SAMPLES)
        padded = np.zeros((self._n_pieces * FRAME_SAMPLES, self._size))
        padded[lead : lead + length] = kernel
        pieces = (
            padded.reshape(self._n_pieces, FRAME_SAMPLES, self._size)
            .transpose(1, 0, 2)
            .reshape(FRAME_SAMPLES, -1)
        )
        self.n_products = pieces.shape[1]
        #: The pieces (400, n_products), or two matrices whose product they are.
        self.factors = _factors(pieces) if factored else [pieces]

    def write(self, graph: Graph, products: str, first: str) -> str:
        """Return the sums ``(windows, 40, 2 x bins)`` of a window's own products."""
        rows = graph.reshape(products, -1, self._size)  # (frames x pieces, 2 bins)
        # In front of them a row of nothing, for what lies outside of the window.
        rows = graph.op("Concat", graph.floats(np.zeros((1, self._size))), rows, axis=0)
        places, inside = self._places()
        start = graph.op("Mul", first, graph.integers(self._n_pieces))
        at = graph.op("Add", start, graph.integers(places))
        at = graph.op("Mul", at, graph.integers(inside))
        found = graph.op("Gather", rows, at, axis=0)  # (windows, 40, pieces, 2 bins)
        return graph.op("ReduceSum", found, graph.integers([2]), keepdims=0)

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the row of each frame's pieces in a window that begins with the first row."""
        pieces = np.arange(self._n_pieces)
        frames = np.arange(FRAMES_PER_WINDOW)[:, None] + pieces - self._before
        inside = (frames >= 0) & (frames < FRAMES_PER_WINDOW)
        return frames * self._n_pieces + pieces + 1, inside.astype(np.int64)


def _factors(pieces: Array) -> list[Array]:
    """Return two matrices whose product the pieces are, where that halves the work at least.

    The pieces of low tones are slow and much alike: a few shapes make up all of them. What is left
    out is as small as what float32 rounds the pieces by.
    """
    if pieces.shape[0] > pieces.shape[1]:
        return [factor.T for factor in reversed(_factors(pieces.T))]
    # Singular values from the smaller product with itself, in a quarter of the time: in float64
    # they are exact enough to tell float32's rounding from the rest.
    squares, vectors = np.linalg.eigh(pieces @ pieces.T)
    is_needed = squares > np.finfo(np.float32).eps ** 2 * squares[-1]
    if 2 * is_needed.sum() * sum(pieces.shape) > pieces.size:
        return [pieces]
    shapes = vectors[:, is_needed]
    return [shapes, shapes.T @ pieces]


def _write_peak_map(graph: Graph, power: str, n_bins: int) -> str:
    """The rule of ``earmark.models.frontends.pitch.peak_map``."""
    pads = graph.integers([0, 0, 2, 0, 0, 2])
    padded = graph.op("Pad", power, pads, graph.floats(-1.0))
    neighbours = [
        graph.op(
            "Slice",
            padded,
            graph.integers([start]),
            graph.integers([start + n_bins]),
            graph.integers([2]),
        )
        for start in (0, 1, 3, 4)
    ]
    is_higher = graph.op("Greater", power, graph.op("Max", *neighbours))
    n_values = FRAMES_PER_WINDOW * n_bins
    values = graph.reshape(power, -1, n_values)
    upper_half, _ = graph.ops(
        "TopK", values, graph.integers([n_values - n_values // 2]), count=2, sorted=0
    )
    median = graph.op("ReduceMin", upper_half, graph.integers([1]), keepdims=1)
    median = graph.reshape(median, -1, 1, 1)
    is_loud = graph.op("GreaterOrEqual", power, median)
    return graph.op("Cast", graph.op("And", is_higher, is_loud), to=1)  # 1: float32
