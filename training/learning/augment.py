"""Changes to a batch that teach invariance; pure functions of a batch and a generator."""

import io
from typing import Final

import numpy as np
import torch
from torch import Tensor

from earmark.models.timebase import SAMPLE_RATE

_EQUALIZER_BANDS = 9
_EQUALIZER_LOWEST = 50.0  # Hz
_BACKGROUND_SNR_DB = (0.0, 35.0)
_NOISE_SNR_DB = (0.0, 40.0)
_NOISE_EXPONENTS = (0.0, 2.0)  # of the power over frequency: from white to brown
_ROOM_SECONDS = (0.1, 0.9)  # until an echo has fallen by 60 dB
_ROOM_DIRECT_DB = (-6.0, 12.0)  # the sound itself beside all of its echoes
_BAND_EDGES: Final = ((20.0, 400.0), (2_500.0, 8_000.0))  # Hz: lowest and highest frequency left
_CODECS: Final = (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"))


def random_gain(waveform: Tensor, *, gain_db: float, generator: np.random.Generator) -> Tensor:
    """Change each window's level by up to ``gain_db`` either way, and its polarity at random.

    Shape:
        - Input and output: ``(batch, samples)``
    """
    gain = 10 ** (generator.uniform(-gain_db, gain_db, len(waveform)) / 20)
    sign = generator.choice([-1.0, 1.0], len(waveform))
    return waveform * torch.from_numpy((gain * sign).astype(np.float32))[:, None]


def random_filter(waveform: Tensor, *, filter_db: float, generator: np.random.Generator) -> Tensor:
    """Hear each window through another microphone: a smooth equalizer with random gains.

    The gains, up to ``filter_db`` either way, belong to frequencies evenly spaced on a logarithmic
    scale; between them it is interpolated. No phase is changed.

    Shape:
        - Input and output: ``(batch, samples)``
    """
    n_samples = waveform.shape[1]
    frequencies = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE), _EQUALIZER_LOWEST)
    octaves = np.log2(frequencies / _EQUALIZER_LOWEST)
    place = octaves / octaves[-1] * (_EQUALIZER_BANDS - 1)
    lower = np.minimum(place.astype(np.int64), _EQUALIZER_BANDS - 2)
    share = torch.from_numpy((place - lower).astype(np.float32))
    gains = generator.uniform(-filter_db, filter_db, (len(waveform), _EQUALIZER_BANDS))
    bands = torch.from_numpy(gains.astype(np.float32))
    decibels = (1 - share) * bands[:, lower] + share * bands[:, lower + 1]
    spectrum = torch.fft.rfft(waveform) * 10 ** (decibels / 20)
    filtered: Tensor = torch.fft.irfft(spectrum, n=n_samples)
    return filtered


def random_speed(waveform: Tensor, *, samples: int) -> Tensor:
    """Play windows faster or slower, so that all of their samples take ``samples``.

    Shape:
        - Input: ``(batch, any samples)``
        - Output: ``(batch, samples)``
    """
    given = waveform.shape[1]
    spectrum = torch.fft.rfft(waveform)
    resampled: Tensor = torch.fft.irfft(spectrum[:, : samples // 2 + 1], n=samples)
    return resampled * (samples / given)


def _chosen(batch: int, share: float, generator: np.random.Generator) -> Tensor:
    """Return the rows of a random share of a batch: what is not changed need not be computed."""
    return torch.from_numpy(np.flatnonzero(generator.random(batch) < share))


def add_noise(waveform: Tensor, *, share: float, generator: np.random.Generator) -> Tensor:
    """Put steady noise, between white and brown, under a share of the windows, 0 to 40 dB below.

    Shape:
        - Input and output: ``(batch, samples)``
    """
    rows = _chosen(len(waveform), share, generator)
    if not len(rows):
        return waveform
    sound = waveform[rows]
    batch, samples = sound.shape
    exponent = generator.uniform(*_NOISE_EXPONENTS, (batch, 1))
    frequencies = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), _EQUALIZER_LOWEST)
    tilt = torch.from_numpy((frequencies[None] ** (-exponent / 2)).astype(np.float32))
    white = torch.from_numpy(generator.standard_normal((batch, samples), np.float32))
    noise: Tensor = torch.fft.irfft(torch.fft.rfft(white) * tilt, n=samples)
    snr_db = generator.uniform(*_NOISE_SNR_DB, batch)
    gain = torch.from_numpy((10 ** (-snr_db / 20)).astype(np.float32)) * _rms(sound) / _rms(noise)
    return waveform.index_copy(0, rows, sound + gain[:, None] * noise)


def random_room(waveform: Tensor, *, share: float, generator: np.random.Generator) -> Tensor:
    """Hear a share of the windows in a room: behind the sound its echoes, falling exponentially.

    Echoes are noise that is softer the later it comes, as many reflections are; the level of the
    whole is kept.

    Shape:
        - Input and output: ``(batch, samples)``

    Source: Polack's model of a room's late response, as in Jot et al. (1997).
    """
    rows = _chosen(len(waveform), share, generator)
    if not len(rows):
        return waveform
    sound = waveform[rows]
    batch, samples = sound.shape
    length = round(_ROOM_SECONDS[1] * SAMPLE_RATE)
    seconds = generator.uniform(*_ROOM_SECONDS, (batch, 1))
    time = np.arange(length) / SAMPLE_RATE
    echoes = generator.standard_normal((batch, length)) * 10 ** (-3 * time / seconds)
    echoes[:, : round(0.002 * SAMPLE_RATE)] = 0  # nothing comes back before 2 ms
    direct = 10 ** (generator.uniform(*_ROOM_DIRECT_DB, (batch, 1)) / 20)
    echoes /= np.sqrt((echoes**2).sum(axis=1, keepdims=True)) * direct
    echoes[:, 0] = 1
    response = torch.from_numpy(echoes.astype(np.float32))
    n_fft = 1 << (samples + length).bit_length()
    spectrum = torch.fft.rfft(sound, n=n_fft) * torch.fft.rfft(response, n=n_fft)
    heard: Tensor = torch.fft.irfft(spectrum, n=n_fft)[:, :samples]
    return waveform.index_copy(0, rows, heard * (_rms(sound) / _rms(heard))[:, None])


def random_band(waveform: Tensor, *, share: float, generator: np.random.Generator) -> Tensor:
    """Leave a share of the windows only what a small loudspeaker or a telephone would pass on.

    Shape:
        - Input and output: ``(batch, samples)``
    """
    rows = _chosen(len(waveform), share, generator)
    if not len(rows):
        return waveform
    sound = waveform[rows]
    batch, samples = sound.shape
    lowest, highest = (
        low * (high / low) ** generator.random((batch, 1)) for low, high in _BAND_EDGES
    )
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)[None]
    passed = (frequencies >= lowest) & (frequencies <= highest)
    spectrum = torch.fft.rfft(sound) * torch.from_numpy(passed.astype(np.float32))
    return waveform.index_copy(0, rows, torch.fft.irfft(spectrum, n=samples))


def random_codec(waveform: Tensor, *, share: float, generator: np.random.Generator) -> Tensor:
    """Send a share of the windows through MP3 or Vorbis at a low rate.

    Shape:
        - Input and output: ``(batch, samples)``
    """
    import soundfile

    decoded = waveform.clone()
    for row in _chosen(len(waveform), share, generator).tolist():
        kind, subtype = _CODECS[generator.integers(len(_CODECS))]
        loudest = max(1.0, float(waveform[row].abs().max()))
        file = io.BytesIO()
        soundfile.write(
            file,
            waveform[row].numpy() / loudest,
            SAMPLE_RATE,
            format=kind,
            subtype=subtype,
            compression_level=float(generator.uniform(0.5, 0.95)),
        )
        file.seek(0)
        samples = soundfile.read(file, dtype="float32")[0][: waveform.shape[1]]
        decoded[row] = 0
        decoded[row, : len(samples)] = torch.from_numpy(samples) * loudest
    return decoded


def random_level(
    waveform: Tensor,
    *,
    share: float,
    peaks_db: tuple[float, float],
    generator: np.random.Generator,
) -> Tensor:
    """Set the highest peak of a share of the windows to between two levels (dB of full scale).

    Shape:
        - Input and output: ``(batch, samples)``; what is silent stays so
    """
    batch = len(waveform)
    peak = waveform.abs().amax(dim=1)
    wanted = torch.from_numpy((10 ** (generator.uniform(*peaks_db, batch) / 20)).astype(np.float32))
    is_chosen = torch.from_numpy(generator.random(batch) < share) & (peak > 0)
    gain = torch.where(is_chosen, wanted / peak.clamp(min=1e-9), 1.0)
    return waveform * gain[:, None]


def add_background(
    waveform: Tensor, background: Tensor, *, share: float, generator: np.random.Generator
) -> Tensor:
    """Put another sound under some of the windows, 0 to 35 dB below their own level.

    Args:
        waveform: ``(batch, samples)``.
        background: ``(batch, samples)``; what is silent here adds nothing.
        share: Of the windows, between 0 and 1.
        generator: Source of the choice and the levels.
    """
    snr_db = generator.uniform(*_BACKGROUND_SNR_DB, len(waveform))
    is_chosen = generator.random(len(waveform)) < share
    wanted = torch.from_numpy((is_chosen * 10 ** (-snr_db / 20)).astype(np.float32))
    is_heard = (background.abs().amax(dim=1) > 0) & (waveform.abs().amax(dim=1) > 0)
    gain = torch.where(is_heard, wanted * _rms(waveform) / _rms(background), 0.0)
    return waveform + gain[:, None] * background


def _rms(waveform: Tensor) -> Tensor:
    """Return the level of each window, ``(batch,)``, never quite 0."""
    return waveform.square().mean(dim=1).sqrt().clamp(min=1e-9)


def mixup(
    inputs: Tensor, targets: Tensor, *, alpha: float, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mix each example with another one of the batch, and their targets alike.

    Args:
        inputs: ``(batch, ...)``.
        targets: ``(batch, columns)``.
        alpha: Both parameters of the Beta distribution of the share; small: mostly one of them.
        generator: Source of the shares and partners.

    Source: Zhang et al., "mixup" (2018); Tokozume et al., "Between-class examples" (2018).
    """
    share = generator.beta(alpha, alpha, len(inputs)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    partner = torch.from_numpy(generator.permutation(len(inputs)))
    kept = torch.from_numpy(share)
    for_inputs = kept.view(-1, *[1] * (inputs.dim() - 1))
    mixed = for_inputs * inputs + (1 - for_inputs) * inputs[partner]
    return mixed, kept[:, None] * targets + (1 - kept[:, None]) * targets[partner]


def masked(tokens: Tensor, share: float) -> Tensor:
    """Hide a stretch of tokens and a band of features from each example behind the mean.

    Args:
        tokens: ``(batch, tokens, features)``.
        share: Of the tokens and of the features, at most; how much is drawn from torch's generator,
            as dropout is.

    Source: Park et al., "SpecAugment" (2019); Koutini et al., "PaSST" (2022), patchout.
    """
    batch, n_tokens, n_features = tokens.shape
    mean = tokens.mean(dim=(0, 1))
    hidden = (
        _stretch(batch, n_tokens, share)[:, :, None] | _stretch(batch, n_features, share)[:, None]
    )
    return torch.where(hidden.to(tokens.device), mean, tokens)


def _stretch(batch: int, length: int, share: float) -> Tensor:
    width = torch.rand(batch, 1) * share * length
    start = torch.rand(batch, 1) * (length - width)
    index = torch.arange(length)
    return (index >= start) & (index < start + width)
