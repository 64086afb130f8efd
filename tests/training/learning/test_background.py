import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from earmark.models.bundle.background import read_background
from earmark.models.bundle.load import load_bundle
from earmark.models.errors import UsageError
from earmark.realtime.teaching.embedder import Embedder
from earmark.training.data import unknown_classes
from earmark.training.data.audio_cache import decode
from earmark.training.data.corpus import UNSTATED, Clip
from earmark.training.learning import background


@pytest.fixture
def with_background(
    tiny_bundle_folder: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of the tiny bundle with a background from the folds 1 to 4."""
    folder = Path(shutil.copytree(tiny_bundle_folder, tmp_path / "bundle"))
    monkeypatch.setattr(background, "MOST_WINDOWS", 40)
    words = [str(folder), str(manifest), "--cache", str(tmp_path / "cache"), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["background", *words])
    assert background.main() == 0
    return folder


def test_background_belongs_to_its_bundle(with_background) -> None:
    bundle = load_bundle(with_background, device="cpu")
    found = read_background(with_background, bundle.metadata)
    assert found is not None
    assert found.embeddings.shape == (40, 256)
    origin = bundle.metadata.sources["background"]
    assert origin["made_up_windows"] == 4
    assert origin["folds"] == ["1", "2", "3", "4"]
    assert origin["licences"] == {"CC0": 36}


def test_background_is_what_the_runtime_hears(with_background, manifest) -> None:
    bundle = load_bundle(with_background, device="cpu", precision="float32")
    found = read_background(with_background, bundle.metadata)
    first = min(manifest.parent.glob("*-[1-4]-*.wav"))
    decoded = decode(first).astype(np.float16).astype(np.float32)  # as the cache keeps it
    window = background.one_window(decoded, 0)
    wanted = Embedder(bundle).embed(window, 16_000)[0]
    nearest = np.abs(found.embeddings - wanted).max(axis=1).min()
    assert nearest < 5e-3


def clip(name: str, *labels: str, licence: str = UNSTATED) -> Clip:
    return Clip(Path(name), labels, "1", name, licence)


def test_unknown_classes_are_the_most_specific_unseen_labels() -> None:
    clips = [
        *(clip(f"a{i}", "Piano", "Keyboard", "Music") for i in range(12)),
        *(clip(f"b{i}", "Dog", "Animal") for i in range(12)),
        *(clip(f"c{i}", "Sitar", "Music") for i in range(9)),
        *(clip(f"d{i}", "Gong", "Music", licence="CC0") for i in range(12)),
        *(clip(f"esek_{i}", "Animal") for i in range(10)),
    ]
    known = ("Dog", "Animal", "Music")
    found = unknown_classes.unknown_classes(clips, known, {"Donkey": "esek_*"})
    assert {name: len(members) for name, members in found.items()} == {"Piano": 12, "Donkey": 10}


def test_coarsely_labelled_clips_may_hold_a_class() -> None:
    piano = [clip("a", "Piano", "Music"), clip("b", "Piano", "Music", "Loud")]
    assert unknown_classes.may_hold(clip("c", "Music"), piano)
    assert not unknown_classes.may_hold(clip("d", "Music", "Flute"), piano)


def test_pairs_are_two_places_of_one_recording() -> None:
    sounds = [np.arange(n, dtype=np.float32) for n in (15_000, 24_000, 80_000)]
    pairs = background.pairs_within(sounds)
    assert [len(window) for window in pairs] == [16_000] * 4
    for first, second in (pairs[:2], pairs[2:]):
        assert first[0] < second[0]
    with pytest.raises(UsageError, match=r"1\.5 s long"):
        background.pairs_within(sounds[:1])
