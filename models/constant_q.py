"""The kernels of a constant-Q transform, computed once by librosa when a module is built."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .config import PitchConfig
from .timebase import FRAME_SAMPLES, SAMPLE_RATE

# Low-pass filters ring: without room at both ends their tails would fold into the kernel.
_MARGIN = 64


def constant_q_kernels(config: PitchConfig) -> list[NDArray[np.complex64]]:
    """Return kernels whose products with frames of sound are a constant-Q transform.

    ``librosa.cqt`` goes down octave by octave, halving the rate of the sound each time. All of
    that is linear, so each octave has kernels at the full rate that do the same: librosa's own
    sparsified wavelets at the octave's rate, brought up to the full rate.

    Returns:
        Kernels from low to high bins, grouped by length: each complex (bins, samples) with an even
        number of samples, centred on the middle one. ``abs(frame @ kernel.T)`` is the magnitude of
        ``librosa.cqt(..., scale=True)``.

    Source: Schoerkhuber and Klapuri, "Constant-Q transform toolbox for music processing" (2010),
    as implemented in librosa's ``cqt``.
    """
    import librosa

    frequencies = librosa.cqt_frequencies(
        config.n_bins, fmin=config.f_min, bins_per_octave=config.bins_per_octave
    )
    bandwidths = _relative_bandwidths(frequencies)
    lengths, _ = librosa.filters.wavelet_lengths(
        freqs=frequencies, sr=SAMPLE_RATE, alpha=bandwidths
    )
    groups: list[NDArray[np.complex128]] = []
    decimation, hop = 1, FRAME_SAMPLES
    for top in range(config.n_bins, 0, -config.bins_per_octave):
        octave = slice(max(top - config.bins_per_octave, 0), top)
        wavelets, octave_lengths = librosa.filters.wavelet(
            freqs=frequencies[octave],
            sr=SAMPLE_RATE / decimation,
            alpha=bandwidths[octave],  # type: ignore[arg-type]  # one a bin, as librosa passes
            norm=1,
            pad_fft=True,
        )
        wavelets = _sparsified(wavelets * octave_lengths[:, None], config.sparsity)
        kernels = _at_full_rate(wavelets, decimation) / np.sqrt(lengths[octave, None])
        groups.insert(0, kernels)
        # librosa halves the rate only while the hop stays a whole number of samples.
        if hop % 2 == 0:
            decimation, hop = decimation * 2, hop // 2
    return _grouped_by_length(groups)


def _relative_bandwidths(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    # librosa's own spacing rule: the neighbours on both sides, the end bins having but one.
    log_frequencies = np.log2(frequencies)
    octaves = np.empty_like(log_frequencies)
    octaves[1:-1] = 2 / (log_frequencies[2:] - log_frequencies[:-2])
    octaves[0] = 1 / (log_frequencies[1] - log_frequencies[0])
    octaves[-1] = 1 / (log_frequencies[-1] - log_frequencies[-2])
    ratio = 2 ** (2 / octaves)
    return np.asarray((ratio - 1) / (ratio + 1))


def _sparsified(wavelets: NDArray[np.complex128], sparsity: float) -> NDArray[np.complex128]:
    import librosa

    n_fft = wavelets.shape[-1]
    spectrum = np.zeros_like(wavelets)
    half = np.fft.fft(wavelets, axis=-1)[:, : n_fft // 2 + 1]
    spectrum[:, : n_fft // 2 + 1] = librosa.util.sparsify_rows(half, quantile=sparsity).toarray()
    # A product with the spectrum of a frame, written as a product with the frame itself.
    return np.asarray(np.fft.fft(spectrum, axis=-1) / n_fft)


def _at_full_rate(kernels: NDArray[np.complex128], decimation: int) -> NDArray[np.complex128]:
    import soxr

    if decimation == 1:
        return kernels
    padded = np.pad(kernels, ((0, 0), (_MARGIN, _MARGIN)))
    raised = [
        soxr.resample(row.real, 1, decimation, quality="HQ")
        + 1j * soxr.resample(row.imag, 1, decimation, quality="HQ")
        for row in padded
    ]
    start = _MARGIN * decimation
    return np.stack(raised)[:, start : start + kernels.shape[-1] * decimation]


def _grouped_by_length(
    octaves: Sequence[NDArray[np.complex128]],
) -> list[NDArray[np.complex64]]:
    lengths = sorted({kernels.shape[-1] for kernels in octaves}, reverse=True)
    return [
        np.concatenate([k for k in octaves if k.shape[-1] == length]).astype(np.complex64)
        for length in lengths
    ]
