"""Made-up sounds that must raise no tag: silence, hum and faint noise."""

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE

_SECONDS = 3
_NOISE_EXPONENTS = (0.0, 1.0, 2.0)  # white, pink, brown: power falls with frequency to this


def negative_clips(count: int, seed: int) -> list[NDArray[np.float32]]:
    """Return clips of silence, noise and mains hum, all faint enough to be nobody's event.

    Args:
        count: Number of clips; one in eight is digital silence.
        seed: Same seed, same clips.

    Returns:
        Waveforms of 3 s at 16 kHz, between -100 and -40 dB of full scale.
    """
    generator = np.random.default_rng(seed)
    return [_negative(i, generator) for i in range(count)]


def _negative(index: int, generator: np.random.Generator) -> NDArray[np.float32]:
    n_samples = _SECONDS * SAMPLE_RATE
    if index % 8 == 0:
        return np.zeros(n_samples, np.float32)
    if index % 8 == 1:
        sound = _hum(n_samples, generator)
    else:
        sound = _noise(n_samples, _NOISE_EXPONENTS[index % 3], generator)
    level_db = generator.uniform(-100, -40)
    leveled = sound / np.sqrt(np.mean(sound**2)) * 10 ** (level_db / 20)
    return np.asarray(leveled, np.float32)


def _noise(n_samples: int, exponent: float, generator: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(generator.standard_normal(n_samples))
    frequencies = np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE), 20.0)
    return np.fft.irfft(spectrum / frequencies ** (exponent / 2), n_samples)


def _hum(n_samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(n_samples) / SAMPLE_RATE
    mains = generator.choice([50.0, 60.0])
    hum = np.zeros(n_samples)
    for harmonic in range(1, 9):
        phase = generator.uniform(0, 2 * np.pi)
        hum += np.sin(2 * np.pi * mains * harmonic * time + phase) / harmonic**1.5
    return hum + 0.05 * generator.standard_normal(n_samples)
