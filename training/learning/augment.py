"""Changes to a batch that teach invariance; pure functions of a batch and a generator."""

import numpy as np
import torch
from torch import Tensor

from earmark.models.timebase import SAMPLE_RATE

_EQUALIZER_BANDS = 9
_EQUALIZER_LOWEST = 50.0  # Hz
_BACKGROUND_SNR_DB = (0.0, 35.0)


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
    own = waveform.square().mean(dim=1).sqrt()
    theirs = background.square().mean(dim=1).sqrt()
    gain = torch.where(theirs > 0, wanted * own / theirs.clamp(min=1e-9), 0.0)
    return waveform + gain[:, None] * background


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
