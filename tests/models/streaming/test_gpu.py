import numpy as np
import pytest
import torch

from earmark.models.bundle.load import load_bundle
from earmark.models.streaming.engine import InferenceEngine

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


def test_gpu_gives_the_tags_of_the_processor(tiny_bundle_folder, noise) -> None:
    found = []
    for device in ("cpu", "cuda"):
        engine = InferenceEngine(
            load_bundle(tiny_bundle_folder, device=device, precision="float32")
        )
        found.append(engine.process(noise(), 0))
    np.testing.assert_allclose(found[0].probabilities, found[1].probabilities, atol=1e-3)
