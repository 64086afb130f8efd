"""Sounds and small models that many tests listen to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.bundle.torchscript import save_bundle
from earmark.models.calibration import Calibration
from earmark.models.config import EncoderConfig, NeuralogramConfig, TaggerConfig, WaveformConfig
from earmark.models.tagger import Tagger, build_tagger
from earmark.models.timebase import SAMPLE_RATE
from earmark.models.vocabulary import TagVocabulary

TINY_TAGS = ("Dog", "Rain", "Speech", "Siren", "Music")
TINY_CONFIG = TaggerConfig(
    encoder=EncoderConfig(n_layers=2, d_classifier=32),
    waveform=WaveformConfig(n_filters=16),
    neuralogram=NeuralogramConfig(width=0.0625),
)
SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep small operations from being spread over cores, which only slows them."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def nothing_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what whoever runs the tests has taught."""
    monkeypatch.setenv("EARMARK_TAUGHT", "off")


@pytest.fixture
def tone() -> Callable[..., NDArray[np.float32]]:
    """A sine: ``tone(frequency, seconds=1.0, amplitude=0.5)``."""

    def make(frequency: float, seconds: float = 1.0, amplitude: float = 0.5) -> NDArray[np.float32]:
        time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)

    return make


@pytest.fixture
def noise() -> Callable[..., NDArray[np.float32]]:
    """White noise: ``noise(seconds=1.0, amplitude=0.1, seed=0)``."""

    def make(seconds: float = 1.0, amplitude: float = 0.1, seed: int = 0) -> NDArray[np.float32]:
        generator = np.random.default_rng(seed)
        samples = generator.standard_normal(round(seconds * SAMPLE_RATE))
        return (amplitude * samples).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def tiny_tagger() -> Tagger:
    """An untrained tagger of the full shape and a fraction of the size."""
    torch.manual_seed(3)
    return build_tagger(TINY_CONFIG, len(TINY_TAGS)).eval()


@pytest.fixture(scope="session")
def tiny_bundle_folder(tiny_tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the tiny tagger on disk; not to be changed."""
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    metadata = BundleMetadata(
        name="tiny",
        vocabulary=TagVocabulary(TINY_TAGS, ("/m/0bt9lr", "", "/m/09x0r", "", "")),
        calibration=Calibration.neutral(len(TINY_TAGS)),
        recipe={"name": "none"},
        created="2026-01-01",
    )
    save_bundle(tiny_tagger, metadata, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tiny_bundle_folder: Path) -> Bundle:
    """The bundle of the tiny tagger, loaded; compiled, it computes what its modules do."""
    return load_bundle(tiny_bundle_folder, device="cpu", precision="float32", threads=1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the project; tests that need it skip without it."""
    if not (SHARED_DATA / "corpus.csv").is_file():
        pytest.skip("the real recordings (../shared/data) are not here")
    return SHARED_DATA
