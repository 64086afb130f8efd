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
    waves = _waves(mfcc["MelSpectrogram.spectrogram.window"], mfcc["MelSpectrogram.mel_scale.fb"])
    parts = graph.op("MatMul", frames, graph.floats(waves))
    bands = np.tile(mfcc["MelSpectrogram.mel_scale.fb"], (2, 1))  # the same for both parts
    mel = graph.op("MatMul", graph.op("Mul", parts, parts), graph.floats(bands))
    floor = graph.floats(1e-6)  # torchaudio's own
    level = graph.op("Log", graph.op("Add", mel, floor))
    return graph.op("MatMul", level, graph.floats(mfcc["dct_mat"][:, 1:] @ projection))


def write_log_mel(graph: Graph, chunks: str, front_end: Any) -> str:
    """Return normalized images ``(chunks, 1, n_mels, frames)`` of ``(chunks, 1600)``.

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
    parts = graph.op("MatMul", frames, graph.floats(_waves(window, bands, n_fft)))
    both = graph.floats(np.tile(bands, (2, 1)))
    mel = graph.op("MatMul", graph.op("Mul", parts, parts), both)
    level = graph.op("Log", graph.op("Add", mel, graph.floats(float(log_mel.floor))))
    scale, shift = batch_norm(weights_of(front_end), "band_norm", _EPSILON)
    level = graph.op("Mul", level, graph.floats(scale))
    level = graph.op("Add", level, graph.floats(shift))
    level = graph.op("Transpose", level, perm=[0, 2, 1])
    return graph.op("Unsqueeze", level, graph.integers([1]))


def _waves(window: Array, bands: Array, n_fft: int | None = None) -> Array:
    """Return (samples, 2 x frequencies), windowed cosines and then sines."""
    n_fft = len(window) if n_fft is None else n_fft
    phase = 2 * np.pi / n_fft * np.outer(np.arange(len(window)), np.arange(len(bands)))
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * window[:, None]
