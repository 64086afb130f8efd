"""The head that weighs what the branches say themselves."""

import dataclasses

import numpy as np
import pytest
import torch

from earmark.models.bundle.load import load_bundle
from earmark.models.bundle.metadata import BundleMetadata
from earmark.models.bundle.torchscript import save_bundle
from earmark.models.calibration import Calibration
from earmark.models.config import HeadConfig
from earmark.models.heads import N_SUBSETS, StackedHead, subset_members
from earmark.models.runtimes.torch_runtime import TorchRuntime
from earmark.models.tagger import Tagger, build_tagger
from earmark.models.taught.embedding_head import EmbeddingHead
from earmark.models.vocabulary import TagVocabulary

from ..conftest import TINY_CONFIG

N_TAGS = 5


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    torch.manual_seed(5)
    config = dataclasses.replace(TINY_CONFIG, head=HeadConfig("stacked"))
    tagger = build_tagger(config, N_TAGS).eval()
    with torch.no_grad():
        tagger.head.shares.copy_(torch.rand(N_SUBSETS, 4))
        tagger.head.bias.copy_(torch.randn(N_SUBSETS, N_TAGS))
    return tagger


@pytest.fixture(scope="module")
def bundle(tagger, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stacked") / "bundle"
    metadata = BundleMetadata(
        name="stacked",
        vocabulary=TagVocabulary(tuple("abcde"), ("",) * N_TAGS),
        calibration=Calibration.neutral(N_TAGS),
        recipe={"name": "none"},
        created="2026-01-01",
    )
    save_bundle(tagger, metadata, folder)
    return load_bundle(folder, device="cpu", precision="float32")


@torch.inference_mode()
def test_combined_logits_are_a_weighted_sum_of_the_branches(tagger, noise) -> None:
    combined, by_branch = tagger(torch.from_numpy(noise())[None])
    wanted = tagger.head.shares[-1] @ by_branch[0] + tagger.head.bias[-1]
    torch.testing.assert_close(combined[0], wanted)


@torch.inference_mode()
def test_subset_does_not_hear_the_other_branches(tagger) -> None:
    embeddings = torch.randn(5, 256)
    changed = embeddings.clone()
    changed[:, 64:128] += 1  # the second branch
    before, after = tagger.head.subsets(embeddings), tagger.head.subsets(changed)
    for subset in range(N_SUBSETS):
        assert torch.equal(before[subset], after[subset]) != subset_members(subset)[1]
    torch.testing.assert_close(before[-1], tagger.head(embeddings))


def test_untrained_head_is_the_mean_of_the_branches_that_it_hears() -> None:
    classifiers = [torch.nn.Linear(2, 3) for _ in range(4)]
    head = StackedHead(classifiers, d_embedding=2, n_tags=3)
    embeddings = torch.randn(6, 8)
    said = head.said(embeddings)
    torch.testing.assert_close(head(embeddings), said.mean(dim=1))
    torch.testing.assert_close(head.subsets(embeddings)[2], said[:, :2].mean(dim=1))


def logits_of(runtime, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = [runtime.features(window.reshape(-1, size)) for size in runtime.block_sizes]
    return runtime.logits(features, [np.zeros(1, np.int64)] * len(features))


@pytest.mark.parametrize("with_embeddings", [False, True])
def test_compiled_bundle_answers_like_its_modules(bundle, noise, with_embeddings) -> None:
    head = EmbeddingHead(bundle.head) if with_embeddings else bundle.head
    compiled = bundle.embedding_runtime() if with_embeddings else bundle.runtime
    modules = TorchRuntime(bundle.branches, head, "cpu")
    for found, wanted in zip(
        logits_of(compiled, noise()), logits_of(modules, noise()), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
