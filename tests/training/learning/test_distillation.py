"""A whole training from mixtures, with teachers that hear no more than how high a sound is."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from earmark.__main__ import main
from earmark.models.bundle.load import load_bundle
from earmark.training.data import efficientat, yamnet
from earmark.training.data.teachers import Heard
from earmark.training.learning import distillation

from ..conftest import FREQUENCIES, write_csv, write_tone

pytestmark = pytest.mark.slow

SPEECH = 0  # column of both teachers

RECIPE = """
[data]
minimum_clips = 1
negatives = 4

[mixtures]
windows = 64
head_windows = 64
calibration_windows = 64
codec = 0.0

[model.encoder]
n_layers = 2
d_classifier = 64

[model.head]
kind = "stacked"

[model.neuralogram]
width = 0.125

[training]
epochs = 1
windows_per_epoch = 16
batch_size = 16
loss = "bce"
learning_rate = 1e-3
regularization = 0.2
regularizer = "projection"
"""


class PitchTeachers:
    """Hears a low sound as its first class, and never more than half."""

    def __init__(self, files: object) -> None:
        self.asked = 0

    def windows(self, windows: NDArray[np.float32]) -> Heard:
        self.asked += len(windows)
        loudest = np.abs(np.fft.rfft(windows)).argmax(axis=1)
        logits = np.full((len(windows), efficientat.N_CLASSES), -6.0, np.float32)
        logits[:, SPEECH] = np.where(loudest < 400, 0, -6)
        features = np.stack([loudest, np.ones_like(loudest), -loudest], axis=1)
        return Heard(logits, logits[:, : yamnet.N_CLASSES], features.astype(np.float32))

    def recording(self, waveform: NDArray[np.float32]) -> Heard:
        return self.windows(np.pad(waveform, (0, 16_000))[None, :16_000])


@pytest.fixture(scope="module")
def trained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    (folder / "mixed.toml").write_text(RECIPE)
    for i, frequency in enumerate(FREQUENCIES.values()):
        for n in range(4):
            write_tone(folder / "pool" / f"{i}-{n}.wav", frequency * 1.1, seed=50 + n)
    rows = [(f"{i}-{n}.wav", "CC0", f"tone {i}") for i in range(3) for n in range(4)]
    write_csv(folder / "pool" / "pool.csv", [("path", "licence", "label_hint"), *rows])
    for file in ("mn04.pt", "yamnet.tflite"):
        (folder / file).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "Teachers", PitchTeachers)
        words = ["train", str(manifest), "--recipe", str(folder / "mixed.toml")]
        words += ["--run", str(folder / "run"), "--pool", str(folder / "pool" / "pool.csv")]
        words += ["--mn04", str(folder / "mn04.pt"), "--yamnet", str(folder / "yamnet.tflite")]
        words += ["--cache", str(folder / "cache"), "--device", "cpu"]
        assert main(words) == 0
    return folder


def test_a_run_from_mixtures_exports_and_says_what_it_learned_from(trained: Path) -> None:
    assert main(["export", str(trained / "run"), str(trained / "bundle")]) == 0
    bundle = load_bundle(trained / "bundle", device="cpu")
    assert set(bundle.metadata.vocabulary) == {"High", "Low", "Middle", "Tone"}
    assert "pool" in str(bundle.metadata.sources["track"])
    assert bundle.metadata.sources["licences"]["CC0"] >= 12


def test_all_three_sets_of_mixtures_are_kept(trained: Path) -> None:
    for kept in ("branches", "head", "calibration"):
        assert list((trained / "run" / "mixtures" / kept).glob("*.npz"))


def test_what_was_asked_once_is_not_asked_again(trained: Path, manifest: Path) -> None:
    class Deaf(PitchTeachers):
        def windows(self, windows: NDArray[np.float32]) -> Heard:
            raise AssertionError("asked again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "Teachers", Deaf)
        words = ["train", str(manifest), "--recipe", str(trained / "mixed.toml")]
        words += ["--run", str(trained / "run"), "--pool", str(trained / "pool" / "pool.csv")]
        words += ["--mn04", str(trained / "mn04.pt"), "--yamnet", str(trained / "yamnet.tflite")]
        words += ["--cache", str(trained / "cache"), "--device", "cpu"]
        assert main(words) == 0


def test_a_training_begins_with_the_weights_of_a_bundle(trained: Path, manifest: Path) -> None:
    main(["export", str(trained / "run"), str(trained / "start")])
    (trained / "still.toml").write_text(
        (trained / "mixed.toml").read_text().replace("learning_rate = 1e-3", "learning_rate = 0.0")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "Teachers", PitchTeachers)
        words = ["train", str(manifest), "--recipe", str(trained / "still.toml")]
        words += ["--run", str(trained / "second"), "--stages", "timbre"]
        words += ["--mn04", str(trained / "mn04.pt"), "--yamnet", str(trained / "yamnet.tflite")]
        words += ["--start", str(trained / "start"), "--cache", str(trained / "cache")]
        assert main([*words, "--device", "cpu"]) == 0
    import torch

    first, second = (
        torch.load(trained / run / "timbre.weights", weights_only=True) for run in ("run", "second")
    )
    for name in first:
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(second[name], first[name])
