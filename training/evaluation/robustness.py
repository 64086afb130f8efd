"""What is left of a model's hearing when the sound is spoiled, for each branch and all together.

Source of the protocol: Plachouras et al., "mir_ref: a representation evaluation framework" (2023).
"""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import EarmarkError
from earmark.models.timebase import SAMPLE_RATE

from .bootstrap import weighted_maps
from .model import Model
from .predictions import Predictions, predict

Waveform = NDArray[np.float32]
Progress = Callable[[str, int, int], None]

UNSPOILED = "as it is"

# Of audiomentations: its transform, and what it is told.
_DEFORMATIONS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "noise at 15 dB": ("AddGaussianSNR", {"min_snr_db": 15.0, "max_snr_db": 15.0}),
    "noise at 0 dB": ("AddGaussianSNR", {"min_snr_db": 0.0, "max_snr_db": 0.0}),
    "12 dB softer": ("Gain", {"min_gain_db": -12.0, "max_gain_db": -12.0}),
    "a fifth of the samples clipped": (
        "ClippingDistortion",
        {"min_percentile_threshold": 20, "max_percentile_threshold": 20},
    ),
    "MP3 at 64 kbit/s": (
        "Mp3Compression",
        {"min_bitrate": 64, "max_bitrate": 64, "backend": "fast-mp3-augment"},
    ),
    "two semitones higher": ("PitchShift", {"min_semitones": 2.0, "max_semitones": 2.0}),
    "a room (0.6 s)": (
        "RoomSimulator",
        {
            "calculation_mode": "rt60",
            "min_target_rt60": 0.6,
            "max_target_rt60": 0.6,
            "use_ray_tracing": False,
            "leave_length_unchanged": True,
        },
    ),
    "nothing above 4 kHz": (
        "LowPassFilter",
        {
            "min_cutoff_freq": 4_000.0,
            "max_cutoff_freq": 4_000.0,
            "min_rolloff": 48,
            "max_rolloff": 48,
        },
    ),
}

DEFORMATIONS: Final = tuple(_DEFORMATIONS)


def deformed(waveforms: Sequence[Waveform], deformation: str) -> list[Waveform]:
    """Return waveforms spoiled in one of the ways of ``DEFORMATIONS``; the same each time.

    Args:
        waveforms: Each (samples,) float32 at 16 kHz.
        deformation: Its name.

    Returns:
        Waveforms of the same lengths; silence stays as it is, for there is nothing to spoil.

    Raises:
        EarmarkError: If the library is missing.
    """
    try:
        import audiomentations
    except ImportError as error:
        raise EarmarkError(
            "sound is spoiled by audiomentations, which is not installed; "
            "pip install 'earmark[robustness]'"
        ) from error

    name, settings = _DEFORMATIONS[deformation]
    transform = getattr(audiomentations, name)(**settings, p=1.0)
    spoiled = []
    for i, waveform in enumerate(waveforms):
        if not waveform.any():
            spoiled.append(waveform)
            continue
        # What the library draws, it draws from these two.
        random.seed(f"{deformation} {i}")
        np.random.seed(i)  # noqa: NPY002
        changed = np.asarray(transform(waveform.copy(), SAMPLE_RATE), np.float32)
        missing = max(0, len(waveform) - len(changed))
        spoiled.append(np.pad(changed, (0, missing))[: len(waveform)])
    return spoiled


def measure_robustness(
    model: Model,
    waveforms: Sequence[Waveform],
    targets: NDArray[np.float32],
    unspoiled: Predictions,
    progress: Progress,
) -> dict[str, dict[str, float]]:
    """Return the macro mAP (%) of clips as they are and under each deformation.

    Args:
        model: To be measured.
        waveforms: Clips.
        targets: (clips, tags); only tags that some clip carries count.
        unspoiled: Predictions of the clips as they are.
        progress: Told the deformation, windows done and windows in all.

    Returns:
        For each deformation the mAP of all branches (``all four``) and of each by itself.
    """
    found = {UNSPOILED: _maps(unspoiled, targets)}
    for deformation in DEFORMATIONS:
        predictions = predict(
            model, deformed(waveforms, deformation), progress=partial(progress, deformation)
        )
        found[deformation] = _maps(predictions, targets)
    return found


def _maps(predictions: Predictions, targets: NDArray[np.float32]) -> dict[str, float]:
    outputs = {"all four": predictions.subsets[-1]}
    outputs |= {name: predictions.branches[:, i] for i, name in enumerate(BRANCH_NAMES)}
    weights = [np.ones(len(targets))]
    return {
        name: 100 * float(weighted_maps(predictions.clip_means(windows), targets, weights)[0])
        for name, windows in outputs.items()
    }
