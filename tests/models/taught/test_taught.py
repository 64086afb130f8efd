import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import BundleError, UsageError
from earmark.models.runtimes.torch_runtime import TorchRuntime
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.taught.embedding_head import EmbeddingHead
from earmark.models.taught.folder import (
    TaughtFolder,
    checked_name,
    read_tag,
    taught_folder,
    write_tag,
)
from earmark.models.taught.layer import check_base, load_with_taught, taught_on, with_taught
from earmark.models.taught.runtime import TaughtRuntime
from earmark.models.taught.tag import BaseBundle, TaughtTag

Logits = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def kettle(tiny_bundle: Bundle) -> TaughtTag:
    generator = np.random.default_rng(1)
    return TaughtTag(
        name="Kettle",
        base=BaseBundle.of(tiny_bundle.metadata),
        weight=generator.standard_normal(256).astype(np.float32),
        bias=0.25,
        branch_weight=generator.standard_normal((4, 64)).astype(np.float32),
        branch_bias=np.array([0.0, 1.0, -1.0, 0.5], np.float32),
        threshold=0.5,
        clips=("/sounds/kettle.wav@1-2",),
        measured={"recall": 0.8},
        created="2026-01-01",
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaughtFolder:
    monkeypatch.setenv("EARMARK_TAUGHT", str(tmp_path / "taught"))
    return TaughtFolder(tmp_path / "taught")


def logits_of(runtime, window: np.ndarray) -> Logits:
    features = [runtime.features(window.reshape(-1, size)) for size in runtime.block_sizes]
    return runtime.logits(features, [np.zeros(1, np.int64)] * len(features))


@torch.inference_mode()
def test_taught_tag_is_linear_in_the_embeddings(tiny_bundle, kettle, noise) -> None:
    window = noise()
    embeddings = [tiny_bundle.branches[n](torch.from_numpy(window)[None])[0] for n in BRANCH_NAMES]
    joint = torch.cat(embeddings, dim=1).numpy()
    combined, by_branch = logits_of(with_taught(tiny_bundle, [kettle]).runtime, window)
    np.testing.assert_allclose(combined[:, -1], joint @ kettle.weight + kettle.bias, atol=1e-3)
    for i, embedding in enumerate(embeddings):
        wanted = embedding.numpy() @ kettle.branch_weight[i] + kettle.branch_bias[i]
        np.testing.assert_allclose(by_branch[:, i, -1], wanted, atol=1e-3)


def test_taught_tags_leave_the_others_as_they_were(tiny_bundle, kettle, noise) -> None:
    taught = with_taught(tiny_bundle, [kettle, replace(kettle, name="Toaster")])
    found, plain = (InferenceEngine(b).process(noise(), 0) for b in (taught, tiny_bundle))
    n_tags = len(tiny_bundle.metadata.vocabulary)
    assert found.probabilities.shape == (n_tags + 2,)
    assert found.branch_probabilities.shape == (4, n_tags + 2)
    np.testing.assert_allclose(found.probabilities[:n_tags], plain.probabilities, atol=1e-6)
    np.testing.assert_allclose(
        found.branch_probabilities[:, :n_tags], plain.branch_probabilities, atol=1e-6
    )


def test_modules_and_compiled_graphs_give_the_same_taught_tags(tiny_bundle, kettle, noise) -> None:
    head = EmbeddingHead(tiny_bundle.head)
    modules = TorchRuntime(tiny_bundle.branches, head, "cpu")
    by_modules = TaughtRuntime(modules, len(tiny_bundle.metadata.vocabulary), [kettle])
    compiled = with_taught(tiny_bundle, [kettle]).runtime
    pairs = zip(logits_of(compiled, noise()), logits_of(by_modules, noise()), strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_vocabulary_and_thresholds_end_with_the_taught_tags(tiny_bundle, kettle) -> None:
    metadata = with_taught(tiny_bundle, [replace(kettle, threshold=0.75)]).metadata
    assert metadata.vocabulary.names == (*tiny_bundle.metadata.vocabulary.names, "Kettle")
    assert metadata.calibration.thresholds[-1] == 0.75


def test_tag_is_read_as_it_was_written(kettle, tmp_path) -> None:
    write_tag(kettle, tmp_path / "kettle.json")
    found = read_tag(tmp_path / "kettle.json")
    np.testing.assert_allclose(found.weight, kettle.weight, rtol=1e-6)
    np.testing.assert_allclose(found.branch_weight, kettle.branch_weight, rtol=1e-6)
    assert found.as_table() == kettle.as_table()


def test_tag_of_another_bundle_is_refused_with_the_way_out(tiny_bundle, kettle) -> None:
    other = replace(kettle, base=BaseBundle("other", "0" * 64))
    with pytest.raises(BundleError, match=r"'Kettle' was taught on the bundle other.*--again"):
        with_taught(tiny_bundle, [other])
    older = replace(kettle, base=BaseBundle("tiny", "0" * 64))
    with pytest.raises(BundleError, match=r"another version of tiny.*--again"):
        check_base(older, tiny_bundle.metadata)


def test_base_is_known_by_its_branches_and_not_by_its_head(tiny_bundle) -> None:
    metadata = tiny_bundle.metadata

    def base_with(part: str) -> BaseBundle:
        return BaseBundle.of(replace(metadata, sha256={**metadata.sha256, part: "0" * 64}))

    assert base_with("head.pt") == BaseBundle.of(metadata)
    assert all(base_with(f"{n}.pt") != BaseBundle.of(metadata) for n in BRANCH_NAMES)


def test_taught_tags_come_with_their_bundle(tiny_bundle_folder, kettle, folder) -> None:
    folder.save(kettle)
    bundle = load_with_taught(tiny_bundle_folder, device="cpu")
    assert bundle.metadata.vocabulary.names[-1] == "Kettle"


def test_tag_of_an_older_version_is_left_out_and_told(tiny_bundle_folder, kettle, folder) -> None:
    folder.save(replace(kettle, base=BaseBundle("tiny", "0" * 64)))
    folder.save(replace(kettle, name="Foreign", base=BaseBundle("other", "1" * 64)))
    told: list[str] = []
    bundle = load_with_taught(tiny_bundle_folder, device="cpu", tell=told.append)
    assert bundle.taught == ()
    (problem,) = told
    assert "'Kettle'" in problem
    assert "left out" in problem


def test_setting_leaves_taught_tags_out(tiny_bundle, kettle, folder, monkeypatch) -> None:
    folder.save(kettle)
    assert taught_on(tiny_bundle.metadata)[0]
    monkeypatch.setenv("EARMARK_TAUGHT", "off")
    assert taught_on(tiny_bundle.metadata) == ([], [])


def test_tags_are_kept_among_the_users_data(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("EARMARK_TAUGHT")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert taught_folder() == tmp_path / "earmark" / "taught"


def test_nothing_is_overwritten_silently(kettle, folder) -> None:
    folder.save(kettle)
    with pytest.raises(UsageError, match="'Kettle' was taught already; --replace"):
        folder.save(replace(kettle, name="kettle"))
    folder.save(replace(kettle, name="kettle"), replace=True)
    assert [tag.name for tag in folder.tags()] == ["kettle"]


def test_removed_tag_is_gone(kettle, folder) -> None:
    folder.save(kettle)
    folder.remove("KETTLE")
    assert folder.tags() == []
    with pytest.raises(UsageError, match="no tag 'Kettle' was taught"):
        folder.remove("Kettle")


def test_any_name_stays_in_the_folder(kettle, folder) -> None:
    path = folder.save(replace(kettle, name="../Pots, pans / lids"))
    assert path.parent == folder.path
    assert folder.find("../Pots, pans / lids")


@pytest.mark.parametrize("name", ["", "  ", ".hidden", "two;tags", "line\nbreak", "x" * 61])
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a tag's name must"):
        checked_name(name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 2}, "format_version is 2"),
        ({"weight": [1.0, 2.0]}, "do not fit together"),
        ({"bias": float("nan")}, "finite"),
        ({"bias": "much"}, "must be a number"),
        ({"threshold": 1.0}, "between 0 and 1"),
        ({"branches": {}}, "'pitch' is missing"),
        ({"clips": "a.wav"}, "list of text"),
    ],
)
def test_broken_file_is_told_with_what_is_wrong(kettle, tmp_path, change, reason) -> None:
    path = tmp_path / "kettle.json"
    path.write_text(json.dumps({**kettle.as_table(), **change}))
    with pytest.raises(BundleError, match=reason):
        read_tag(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "Kettle\x1b[2J"}, "printable characters"),
        ({"name": ["Kettle"]}, "name must be text"),
        ({"weight": "1" * 256}, "made of numbers"),
        ({"weight": [1e39] * 256}, "-1e6 to 1e6"),
        ({"weight": [1e38] * 256}, "-1e6 to 1e6"),
        ({"bias": -1e7}, "-1e6 to 1e6"),
        ({"weight": [[1.0]] * 256}, "made of numbers"),
        ({"threshold": 10**400}, "20 digits, got 401"),
        ({"threshold": True}, "must be a number"),
        ({"base": []}, "base must be an object"),
        ({"branches": {n: {"bias": 0, "weight": [1] * i} for i, n in enumerate(BRANCH_NAMES)}},
         "weights of one length"),
    ],
)  # fmt: skip
def test_hostile_file_of_a_tag_is_refused_in_a_line(kettle, tmp_path, change, reason) -> None:
    path = tmp_path / "kettle.json"
    text = json.dumps({**kettle.as_table(), **change}).replace("1e+39", "1e39")
    path.write_text(text)
    with pytest.raises(BundleError, match=reason) as caught:
        read_tag(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_for_another_size_of_bundle_are_refused(tiny_bundle, kettle) -> None:
    smaller = replace(
        kettle, weight=kettle.weight[:128], branch_weight=kettle.branch_weight[:, :32]
    )
    with pytest.raises(BundleError, match="has 128 weights, and tiny needs 256"):
        with_taught(tiny_bundle, [smaller])


def test_file_that_is_no_json_is_told(tmp_path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(BundleError, match="is not valid JSON"):
        read_tag(tmp_path / "x.json")
