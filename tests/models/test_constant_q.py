import csv
import warnings
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.signal
import soundfile
import torch
from numpy.typing import NDArray

from earmark.models.bundle.torchscript import script
from earmark.models.config import PitchConfig
from earmark.models.frontends.pitch import ConstantQ, PitchFrontEnd, peak_map
from earmark.models.timebase import SAMPLE_RATE


@pytest.fixture(scope="module")
def front_end() -> PitchFrontEnd:
    return PitchFrontEnd(PitchConfig())


def reference(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """librosa's own constant-Q magnitudes, (40, 80)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa warns of long kernels on short signals
        magnitudes = np.abs(
            librosa.cqt(window, sr=SAMPLE_RATE, hop_length=400, fmin=40.0, n_bins=80)
        )
    return magnitudes[:, :40].T


def reference_peaks(magnitudes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The peak rule, written with numpy from its definition."""
    log = np.log(np.maximum(magnitudes, 1e-30))
    wide = np.pad(log, ((0, 0), (2, 2)), constant_values=-np.inf)
    higher = [log > wide[:, shift : shift + 80] for shift in (0, 1, 3, 4)]
    return np.logical_and.reduce(higher) & (log >= np.median(log))


def intersection_over_union(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def compare(front_end: PitchFrontEnd, windows: list[NDArray[np.float32]]) -> tuple[float, float]:
    """Mean IoU of the peak maps, and median difference of the magnitudes in dB."""
    ious, differences = [], []
    for window in windows:
        with torch.inference_mode():
            magnitudes = front_end.constant_q(torch.from_numpy(window)[None])[0]
            peaks = front_end(torch.from_numpy(window)[None])[0].numpy() > 0
        wanted = reference(window)
        ious.append(intersection_over_union(peaks, reference_peaks(wanted)))
        audible = wanted > 1e-3 * wanted.max()
        ratio = magnitudes.numpy()[audible] / wanted[audible]
        differences.append(np.abs(20 * np.log10(ratio)))
    return float(np.mean(ious)), float(np.median(np.concatenate(differences)))


def test_real_recordings_have_librosas_peaks_and_magnitudes(
    front_end: PitchFrontEnd, shared_data: Path
) -> None:
    with (shared_data / "corpus.csv").open() as file:
        paths = [row["path"] for row in csv.DictReader(file) if float(row["duration_s"]) > 2][::67]
    windows = [
        soundfile.read(shared_data / path, dtype="float32", start=8_000, frames=16_000)[0]
        for path in paths
    ]
    windows = [window for window in windows if np.abs(window).max() > 1e-3]
    iou, difference_db = compare(front_end, windows)
    assert len(windows) >= 60
    assert iou >= 0.97
    assert difference_db < 0.1


def test_noise_has_librosas_peaks(front_end, noise) -> None:
    iou, difference_db = compare(front_end, [noise(seed=seed) for seed in range(6)])
    assert iou >= 0.98
    assert difference_db < 0.1


def test_chords_have_librosas_peaks(front_end, tone) -> None:
    chords = [(261.6, 329.6, 392.0), (220.0, 277.2, 329.6), (110.0, 164.8, 220.0, 277.2)]
    windows = [
        np.sum([tone(f * h, amplitude=0.1 / h) for f in chord for h in (1, 2, 3)], axis=0)
        for chord in chords
    ]
    iou, difference_db = compare(front_end, windows)
    assert iou >= 0.95
    assert difference_db < 0.2


def test_sweeps_agree_with_librosa_where_there_is_sound(front_end) -> None:
    # Away from the sweep only numerical residue is left, whose peaks are nobody's.
    time = np.arange(16_000) / SAMPLE_RATE
    sweep = 0.5 * scipy.signal.chirp(time, 50, 1, 3_500, method="logarithmic").astype(np.float32)
    iou, difference_db = compare(front_end, [sweep, sweep[::-1].copy()])
    assert iou >= 0.65
    assert difference_db < 0.2


@pytest.mark.parametrize("frequency", [55.0, 110.0, 440.0, 1_760.0, 3_520.0])
def test_tone_lights_the_bin_of_its_frequency(front_end, tone, frequency: float) -> None:
    magnitudes = front_end.constant_q(torch.from_numpy(tone(frequency))[None])[0]
    strongest = int(magnitudes[20].argmax())
    # 440 Hz lies halfway between two bins that count from 40 Hz: either of them is its bin.
    assert abs(strongest - 12 * np.log2(frequency / 40)) <= 0.55
    peaks = front_end(torch.from_numpy(tone(frequency))[None])[0]
    assert peaks[12:28, strongest].all()


@pytest.mark.parametrize("gain", [1e-3, 0.1, 8.0])
def test_gain_does_not_change_the_peaks(front_end, noise, gain: float) -> None:
    window = torch.from_numpy(noise())[None]
    # A power of two scales floats exactly, other gains may tip a tie.
    exact = 2.0 ** round(np.log2(gain))
    assert torch.equal(front_end(window), front_end(window * exact))


def test_silence_has_no_peaks(front_end) -> None:
    assert not front_end(torch.zeros(2, 16_000)).any()


def test_only_peak_positions_pass(front_end, noise) -> None:
    peaks = front_end(torch.from_numpy(noise())[None])
    assert peaks.shape == (1, 40, 80)
    assert set(peaks.unique().tolist()) == {0.0, 1.0}


def test_peak_exceeds_two_neighbours_and_reaches_the_median() -> None:
    magnitudes = torch.tensor([[[1.0, 5.0, 1.0, 1.0, 0.2, 0.3, 0.2, 1.0, 1.0, 7.0, 6.9]]])
    assert peak_map(magnitudes).nonzero()[:, 2].tolist() == [1, 9]


def test_module_scripts_to_the_same_numbers(front_end, noise) -> None:
    window = torch.from_numpy(noise())[None]
    scripted = script(ConstantQ(PitchConfig()))
    torch.testing.assert_close(scripted(window), front_end.constant_q(window), rtol=0, atol=1e-6)
