import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import PARTS, BundleMetadata
from earmark.models.bundle.torchscript import save_bundle, torchscript
from earmark.models.calibration import OUTPUTS, Calibration
from earmark.models.errors import BundleError
from earmark.models.runtimes.device import choose_device
from earmark.models.vocabulary import TagVocabulary


@pytest.fixture
def bundle_folder(tiny_bundle_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_bundle_folder, tmp_path / "bundle"))


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    table = json.loads(path.read_text())
    table.update(changes)
    path.write_text(json.dumps(table))


def test_loaded_bundle_answers_like_the_tagger(tiny_bundle, tiny_tagger, noise) -> None:
    window = torch.from_numpy(noise())[None]
    with torch.inference_mode():
        embeddings = [branch(window)[0] for branch in tiny_bundle.branches.values()]
        combined = tiny_bundle.head(torch.cat(embeddings, dim=1))
        wanted, _ = tiny_tagger(window)
    torch.testing.assert_close(combined, wanted, rtol=0, atol=1e-5)


def test_metadata_survives_the_round_trip(tiny_bundle_folder: Path) -> None:
    metadata = BundleMetadata.read(tiny_bundle_folder)
    assert metadata.vocabulary.names == ("Dog", "Rain", "Speech", "Siren", "Music")
    assert metadata.vocabulary.audioset_ids[0] == "/m/0bt9lr"
    assert metadata.recipe == {"name": "none"}
    assert set(metadata.sha256) == set(PARTS)


def test_branch_takes_a_waveform_without_the_code_that_made_it(tiny_bundle_folder: Path) -> None:
    with torchscript():
        branch = torch.jit.load(tiny_bundle_folder / "pitch.pt")
    embedding, logits = branch(torch.zeros(3, 16_000))
    assert (embedding.shape, logits.shape) == ((3, 64), (3, 5))


@pytest.mark.parametrize("part", PARTS)
def test_altered_part_is_refused(bundle_folder: Path, part: str) -> None:
    contents = bytearray((bundle_folder / part).read_bytes())
    contents[len(contents) // 2] ^= 1
    (bundle_folder / part).write_bytes(contents)
    with pytest.raises(BundleError, match=f"{part} does not have the checksum"):
        load_bundle(bundle_folder, device="cpu")


def test_missing_part_is_named(bundle_folder: Path) -> None:
    (bundle_folder / "timbre.pt").unlink()
    with pytest.raises(BundleError, match=r"timbre\.pt is missing"):
        load_bundle(bundle_folder, device="cpu")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sample_rate", 8_000, "sample_rate is 8000"),
        ("format_version", 99, "format_version is 99"),
        ("window_samples", 8_000, "window_samples is 8000"),
        ("branches", ["pitch"], "branches is"),
    ],
)
def test_bundle_of_another_contract_is_refused(
    bundle_folder: Path, field: str, value: object, message: str
) -> None:
    rewrite(bundle_folder, **{field: value})
    with pytest.raises(BundleError, match=message):
        load_bundle(bundle_folder, device="cpu")


@pytest.mark.parametrize("field", ["tags", "calibration", "sha256", "name", "metrics"])
def test_missing_field_is_named(bundle_folder: Path, field: str) -> None:
    table = json.loads((bundle_folder / "bundle.json").read_text())
    del table[field]
    (bundle_folder / "bundle.json").write_text(json.dumps(table))
    with pytest.raises(BundleError, match=f"'{field}' is missing"):
        load_bundle(bundle_folder, device="cpu")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tags", [{"name": "Dog"}], "1 tags, but 5 thresholds"),
        ("tags", [{"name": "Dog"}] * 5, "repeated"),
        ("tags", "Dog", "tags must be a list"),
        ("calibration", [], "calibration must be an object"),
        ("calibration", {"scale": {}}, "scale must have the parts"),
        ("sha256", {}, r"sha256 of \w+\.pt is missing"),
    ],
)
def test_malformed_field_is_named(
    bundle_folder: Path, field: str, value: object, message: str
) -> None:
    rewrite(bundle_folder, **{field: value})
    with pytest.raises(BundleError, match=message):
        load_bundle(bundle_folder, device="cpu")


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_unreadable_json_is_refused_in_one_line(bundle_folder: Path, text: str) -> None:
    (bundle_folder / "bundle.json").write_text(text)
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle_folder, device="cpu")
    assert "\n" not in str(caught.value)


def test_folder_without_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"has no bundle\.json"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="there is no bundle"):
        load_bundle(tmp_path / "nowhere")


def test_part_that_is_no_torchscript_is_refused(bundle_folder: Path) -> None:
    import hashlib

    (bundle_folder / "head.pt").write_bytes(b"not an archive")
    sha256 = dict(BundleMetadata.read(bundle_folder).sha256)
    sha256["head.pt"] = hashlib.sha256(b"not an archive").hexdigest()
    rewrite(bundle_folder, sha256=sha256)
    with pytest.raises(BundleError, match=r"head\.pt cannot be loaded"):
        load_bundle(bundle_folder, device="cpu")


def test_export_does_not_write_over_other_things(tiny_tagger, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    metadata = BundleMetadata("x", TagVocabulary(("a",)), Calibration.neutral(1))
    with pytest.raises(BundleError, match="is not empty"):
        save_bundle(tiny_tagger, metadata, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_device_that_is_not_there_is_named() -> None:
    with pytest.raises(BundleError, match="unknown device 'tpu'"):
        choose_device("tpu")
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_without_cuda_says_what_to_do() -> None:
    with pytest.raises(BundleError, match="use --device cpu or auto"):
        choose_device("cuda")


def test_neutral_calibration_is_the_sigmoid() -> None:
    logits = np.array([[-800.0, 0.0, 3.0]], np.float32)
    wanted = torch.sigmoid(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(Calibration.neutral(3).combined(logits), wanted, atol=1e-6)


def test_calibration_survives_the_round_trip() -> None:
    generator = np.random.default_rng(0)
    shape = (len(OUTPUTS), 4)
    calibration = Calibration(
        scale=generator.uniform(0.5, 2, shape).astype(np.float32),
        bias=generator.normal(size=shape).astype(np.float32),
        thresholds=np.array([0.1, 0.2, 0.3, 0.9], np.float32),
    )
    logits = generator.normal(size=(2, 4, 4)).astype(np.float32)
    again = Calibration.from_table(calibration.as_table())
    np.testing.assert_allclose(again.branches(logits), calibration.branches(logits), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": np.zeros((5, 2), np.float32)}, "above 0"),
        ({"bias": np.full((5, 2), np.nan, np.float32)}, "-1e6 to 1e6"),
        ({"scale": np.full((5, 2), 1e38, np.float32)}, "-1e6 to 1e6"),
        ({"bias": np.zeros((5, 3), np.float32)}, "shape"),
        ({"thresholds": np.array([0.5, 1.0], np.float32)}, "between 0 and 1"),
    ],
)
def test_impossible_calibration_is_refused(change: dict[str, object], message: str) -> None:
    neutral = Calibration.neutral(2)
    values = {"scale": neutral.scale, "bias": neutral.bias, "thresholds": neutral.thresholds}
    with pytest.raises(ValueError, match=message):
        Calibration(**{**values, **change})
