"""Made-up sounds that must raise no tag: silence, hum, noise, rumble and clicks."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE

_SECONDS = 3
_NOISE_EXPONENTS = (0.0, 1.0, 2.0)  # white, pink, brown: power falls with frequency to this
_LEVELS_DB = (-100.0, -30.0)  # of full scale
_CLICK_PEAKS_DB = (-50.0, -10.0)
_RUMBLE_HIGHEST = 150.0  # Hz

#: What negatives are made of. ``rumble``: gusts below 150 Hz, as of handling a microphone or of
#: wind on it; ``clicks``: single pops, as of a bad contact.
KINDS: Final = ("silence", "hum", "noise", "rumble", "clicks")

# Noise is what microphones pick up most, so it is every other one.
_CYCLE = ("silence", "noise", "hum", "noise", "rumble", "noise", "clicks", "noise")


def negative_clips(count: int, seed: int, *, kind: str | None = None) -> list[NDArray[np.float32]]:
    """Return clips that are nobody's event.

    Args:
        count: Number of clips.
        seed: Same seed, same clips.
        kind: One of ``KINDS``; without it all of them in turn, every other one noise.

    Returns:
        Waveforms of 3 s at 16 kHz, between -100 and -30 dB of full scale; clicks peak between -50
        and -10 dB.
    """
    generator = np.random.default_rng(seed)
    kinds = [kind or _CYCLE[i % len(_CYCLE)] for i in range(count)]
    return [_negative(kind, generator) for kind in kinds]


def _negative(kind: str, generator: np.random.Generator) -> NDArray[np.float32]:
    n_samples = _SECONDS * SAMPLE_RATE
    if kind == "silence":
        return np.zeros(n_samples, np.float32)
    if kind == "clicks":
        return _clicks(n_samples, generator)
    if kind == "hum":
        sound = _hum(n_samples, generator)
    elif kind == "rumble":
        sound = _rumble(n_samples, generator)
    else:
        sound = _noise(n_samples, float(generator.choice(_NOISE_EXPONENTS)), generator)
    leveled = sound / np.sqrt(np.mean(sound**2)) * _amplitude(_LEVELS_DB, generator)
    return np.asarray(leveled, np.float32)


def _amplitude(range_db: tuple[float, float], generator: np.random.Generator) -> float:
    return float(10 ** (generator.uniform(*range_db) / 20))


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


def _rumble(n_samples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(_noise(n_samples, 2.0, generator))
    frequencies = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    below = np.fft.irfft(spectrum / (1 + (frequencies / _RUMBLE_HIGHEST) ** 4), n_samples)
    gusts = np.fft.rfft(generator.standard_normal(n_samples))
    gusts[frequencies > 2] = 0
    swell = np.abs(np.fft.irfft(gusts, n_samples))
    return np.asarray(below * (0.1 + swell / swell.max()))


def _clicks(n_samples: int, generator: np.random.Generator) -> NDArray[np.float32]:
    sound = _amplitude((-100.0, -60.0), generator) * generator.standard_normal(n_samples)
    peak = _amplitude(_CLICK_PEAKS_DB, generator)
    for start in generator.integers(0, n_samples - 160, generator.integers(1, 5)):
        length = int(generator.integers(1, 32))  # up to 2 ms
        shape = generator.choice([-1, 1]) * np.exp(-np.arange(length) / max(1, length / 4))
        sound[start : start + length] += peak * shape
    return np.asarray(sound, np.float32)
