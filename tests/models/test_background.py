import shutil
from pathlib import Path

import numpy as np
import pytest

from earmark.models.background import BACKGROUND, read_background, save_background
from earmark.models.bundle import load_bundle
from earmark.models.errors import BundleError
from earmark.models.metadata import BundleMetadata


@pytest.fixture
def bundle_folder(tiny_bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle_folder, tmp_path / "bundle"))


def test_background_is_read_as_it_was_saved(bundle_folder) -> None:
    embeddings = np.random.default_rng(0).standard_normal((30, 256)).astype(np.float32)
    save_background(bundle_folder, embeddings, {"windows": 30})
    metadata = load_bundle(bundle_folder, device="cpu").metadata
    found = read_background(bundle_folder, metadata)
    np.testing.assert_allclose(found, embeddings, rtol=1e-3, atol=1e-3)
    assert metadata.sources["background"] == {"windows": 30}


def test_bundle_may_lack_a_background(bundle_folder) -> None:
    assert read_background(bundle_folder, BundleMetadata.read(bundle_folder)) is None


def test_altered_background_is_refused(bundle_folder) -> None:
    save_background(bundle_folder, np.ones((3, 256), np.float32), {})
    metadata = BundleMetadata.read(bundle_folder)
    with (bundle_folder / BACKGROUND).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"checksum.*earmark\.training\.background"):
        read_background(bundle_folder, metadata)
    (bundle_folder / BACKGROUND).unlink()
    with pytest.raises(BundleError, match=r"background\.npz is missing"):
        read_background(bundle_folder, metadata)
