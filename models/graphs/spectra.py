"""Spectra of short frames as products with sines and cosines."""

import math
from typing import Any

import numpy as np

from earmark.models.timebase import CHUNK_SAMPLES

from .graph import Graph
from .weights import Array, batch_norm, weights_of

_EPSILON = 1e-5  # of torch's batch normalization


def write_timbre(graph: Graph, frames: str, front_end: Any, projection: Array) -> str:
    """Return projected coefficients ``(frames, d_model)`` of ``(frames, 400)``.

    Args:
        graph: To write to.
        frames: (frames, 400).
        front_end: ``earmark.models.frontends.timbre.TimbreFrontEnd``.
        projection: (coefficients, d_model); the cosine transform goes into it.
    """
    mfcc = weights_of(front_end.mfcc)
    window, bands = mfcc["MelSpectrogram.spectrogram.window"], mfcc["MelSpectrogram.mel_scale.fb"]
    mel = _write_mel(graph, frames, window, bands, len(window))
    floor = graph.floats(1e-6)  # torchaudio's own
    level = graph.op("Log", graph.op("Add", mel, floor))
    return graph.op("MatMul", level, graph.floats(mfcc["dct_mat"][:, 1:] @ projection))


def write_log_mel(graph: Graph, chunks: str, front_end: Any) -> tuple[str, tuple[int, int]]:
    """Return normalized images ``(chunks, 1, n_mels, frames)`` of ``(chunks, 1600)``.

    Beside them stands their size, ``(n_mels, frames)``.

    Args:
        graph: To write to.
        chunks: (chunks, 1600).
        front_end: ``earmark.models.frontends.neuralogram.NeuralogramFrontEnd``.
    """
    log_mel = front_end.log_mel
    weights = weights_of(log_mel)
    window, bands = weights["mel.spectrogram.window"], weights["mel.mel_scale.fb"]
    hop = int(log_mel.mel.spectrogram.hop_length)
    n_fft = int(log_mel.mel.spectrogram.n_fft)
    # A frame is centred and its window shorter than it: the zeros around are not multiplied.
    margin = len(window) // 2
    pads = graph.integers([0, margin, 0, margin])
    padded = graph.op("Pad", chunks, pads, mode="reflect")
    # Frames overlap by whole pieces.
    piece = math.gcd(hop, len(window))
    pieces = graph.reshape(padded, -1, (CHUNK_SAMPLES + 2 * margin) // piece, piece)
    first = np.arange(1 + CHUNK_SAMPLES // hop)[:, None] * (hop // piece)
    at = first + np.arange(len(window) // piece)
    frames = graph.op("Gather", pieces, graph.integers(at), axis=1)
    frames = graph.reshape(frames, -1, len(first), len(window))
    mel = _write_mel(graph, frames, window, bands, n_fft)
    level = graph.op("Log", graph.op("Add", mel, graph.floats(float(log_mel.floor))))
    scale, shift = batch_norm(weights_of(front_end), "band_norm", _EPSILON)
    level = graph.op("Mul", level, graph.floats(scale))
    level = graph.op("Add", level, graph.floats(shift))
    level = graph.op("Transpose", level, perm=[0, 2, 1])
    return graph.op("Unsqueeze", level, graph.integers([1])), (bands.shape[1], len(first))


def _write_mel(graph: Graph, frames: str, window: Array, bands: Array, n_fft: int) -> str:
    """Return the power ``(..., n_mels)`` of frames ``(..., samples)`` in each band.

    Seen from its middle a window is symmetric, cosines are and sines are not: what is equally far
    from the middle is added for the ones and subtracted for the others, and half is multiplied.

    Args:
        graph: To write to.
        frames: (..., samples).
        window: (samples,), of which the first is 0, as torch's Hann window has it.
        bands: (frequencies, n_mels).
        n_fft: Samples that the lowest frequency but 0 takes.
    """
    half = len(window) // 2
    is_in_a_band = bands.any(axis=1)
    phase = 2 * np.pi / n_fft * np.outer(np.arange(half), np.flatnonzero(is_in_a_band))
    rising = window[half:, None].copy()
    cosines, sines = rising * np.cos(phase), rising * np.sin(phase)
    cosines[0] /= 2  # the middle is its own mirror image
    later = _cut(graph, frames, half, 2 * half, 1)
    earlier = _cut(graph, frames, half, 0, -1)
    real = graph.op("MatMul", graph.op("Add", later, earlier), graph.floats(cosines))
    imaginary = graph.op("MatMul", graph.op("Sub", later, earlier), graph.floats(sines))
    power = graph.op("Add", graph.op("Mul", real, real), graph.op("Mul", imaginary, imaginary))
    return graph.op("MatMul", power, graph.floats(bands[is_in_a_band]))


def _cut(graph: Graph, frames: str, start: int, end: int, step: int) -> str:
    """Return every ``step``-th sample from ``start`` to before ``end``."""
    bounds = [graph.integers([n]) for n in (start, end, -1, step)]
    return graph.op("Slice", frames, *bounds)
