import shutil
from pathlib import Path

import numpy as np
import pytest

from earmark.models.bundle.background import (
    BACKGROUND,
    Background,
    read_background,
    save_background,
)
from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.errors import BundleError


@pytest.fixture
def bundle_folder(tiny_bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle_folder, tmp_path / "bundle"))


def background(windows: int, inputs: int = 256) -> Background:
    embeddings = np.random.default_rng(0).standard_normal((windows, inputs)).astype(np.float32)
    return Background(embeddings, np.eye(inputs, dtype=np.float32))


def test_background_is_read_as_it_was_saved(bundle_folder) -> None:
    saved = background(30)
    save_background(bundle_folder, saved, {"windows": 30})
    metadata = load_bundle(bundle_folder, device="cpu").metadata
    found = read_background(bundle_folder, metadata)
    np.testing.assert_allclose(found.embeddings, saved.embeddings, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found.within, saved.within)
    assert metadata.sources["background"] == {"windows": 30}


def test_bundle_may_lack_a_background(bundle_folder) -> None:
    assert read_background(bundle_folder, BundleMetadata.read(bundle_folder)) is None


def test_altered_background_is_refused(bundle_folder) -> None:
    save_background(bundle_folder, background(3), {})
    metadata = BundleMetadata.read(bundle_folder)
    with (bundle_folder / BACKGROUND).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"checksum.*earmark\.training\.learning\.background"):
        read_background(bundle_folder, metadata)
    (bundle_folder / BACKGROUND).unlink()
    with pytest.raises(BundleError, match=r"background\.npz is missing"):
        read_background(bundle_folder, metadata)


def test_covariance_of_another_size_is_refused(bundle_folder) -> None:
    wrong = Background(background(3).embeddings, np.eye(8, dtype=np.float32))
    save_background(bundle_folder, wrong, {})
    with pytest.raises(BundleError, match="covariance is 8 x 8, but there are 256 inputs"):
        read_background(bundle_folder, BundleMetadata.read(bundle_folder))
