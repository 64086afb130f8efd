import copy

import numpy as np
import pytest
import torch

from earmark.models.errors import BundleError
from earmark.models.graphs.tagger import CompiledTagger
from earmark.models.json_files import LARGEST
from earmark.models.runtimes.finite import finite
from earmark.models.runtimes.torch_runtime import TorchRuntime
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.taught.layer import with_taught
from earmark.models.taught.tag import BaseBundle, TaughtTag


def largest_tag(bundle, sign: float) -> TaughtTag:
    inputs = 256
    return TaughtTag(
        name="Kettle",
        base=BaseBundle.of(bundle.metadata),
        weight=np.full(inputs, sign * LARGEST, np.float32),
        bias=sign * LARGEST,
        branch_weight=np.full((4, inputs // 4), sign * LARGEST, np.float32),
        branch_bias=np.full(4, sign * LARGEST, np.float32),
        threshold=0.5,
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_largest_taught_tag_gives_probabilities(tiny_bundle, noise, sign) -> None:
    bundle = with_taught(tiny_bundle, [largest_tag(tiny_bundle, sign)])
    found = InferenceEngine(bundle).process(noise(), 0)
    for probabilities in (found.probabilities, found.branch_probabilities):
        assert ((probabilities >= 0) & (probabilities <= 1)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("output", [0, 1])
def test_logits_that_are_not_finite_are_not_handed_on(value, output) -> None:
    logits = [np.zeros((2, 5), np.float32), np.zeros((2, 4, 5), np.float32)]
    logits[output][..., 1] = value
    with pytest.raises(BundleError, match="NaN or infinite"):
        finite(*logits)


@torch.inference_mode()
def test_bundle_whose_layers_overflow_is_told_by_every_runtime(tiny_tagger, noise) -> None:
    tagger = copy.deepcopy(tiny_tagger)
    for branch in tagger.branches.values():
        for parameter in branch.classifier.parameters():
            parameter.fill_(1e30)
    branches = dict(tagger.branches.items())
    window = noise()
    runtimes = (
        CompiledTagger(branches, tagger.head, threads=1, eight_bits=False),
        TorchRuntime(branches, tagger.head, "cpu"),
    )
    for runtime in runtimes:
        features = [runtime.features(window.reshape(-1, size)) for size in runtime.block_sizes]
        with pytest.raises(BundleError, match="NaN or infinite"):
            runtime.logits(features, [np.zeros(1, np.int64)] * len(features))
