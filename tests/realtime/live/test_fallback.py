import dataclasses

import numpy as np
import pytest
import torch

from earmark.models.bundle.load import Bundle
from earmark.models.streaming.engine import InferenceEngine
from earmark.realtime.live.fallback import FallbackEngine

WINDOW = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)


class LosableRuntime:
    """A runtime as on an accelerator, which the test takes away."""

    def __init__(self, runtime) -> None:
        self._runtime = runtime
        self.error: Exception | None = None

    def __getattr__(self, name: str):
        return getattr(self._runtime, name)

    def logits(self, *arguments):
        if self.error is not None:
            raise self.error
        return self._runtime.logits(*arguments)


class Accelerator:
    """Loads a bundle on a device that is not there, and can lose it."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.runtime = LosableRuntime(bundle.runtime)
        self.is_there = True

    def load(self, device: str) -> Bundle:
        if device == "cpu":
            return self._bundle
        if not self.is_there:
            raise RuntimeError("CUDA error: device is lost\nCompile with TORCH_USE_CUDA_DSA")
        bundle = dataclasses.replace(self._bundle, device="cuda")
        bundle.__dict__["runtime"] = self.runtime
        return bundle


@pytest.fixture
def accelerator(tiny_bundle) -> Accelerator:
    return Accelerator(tiny_bundle)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: the launch timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lost_accelerator_is_replaced_by_the_processor_within_the_same_window(
    accelerator, tiny_bundle, error
) -> None:
    told: list[str] = []
    engine = FallbackEngine(accelerator.load("cuda"), accelerator.load, told.append)
    engine.warm_up(1_600)
    engine.process(WINDOW, 0)
    accelerator.runtime.error = error
    result = engine.process(WINDOW, 1_600)
    alone = InferenceEngine(tiny_bundle).process(WINDOW, 0)
    np.testing.assert_allclose(result.probabilities, alone.probabilities, atol=1e-5)
    assert result.start_sample == 1_600
    assert engine.bundle.device == "cpu"
    assert told == [f"cuda failed ({error}): going on with the processor"]
    engine.process(WINDOW, 3_200)
    assert len(told) == 1


def test_it_is_tried_again_when_told_to_and_only_then(accelerator) -> None:
    told: list[str] = []
    engine = FallbackEngine(accelerator.load("cuda"), accelerator.load, told.append)
    accelerator.runtime.error = torch.OutOfMemoryError("CUDA out of memory")
    engine.process(WINDOW, 0)
    accelerator.is_there = False
    engine.retry()
    engine.process(WINDOW, 1_600)
    assert told[-1] == "cuda still fails: CUDA error: device is lost"
    accelerator.is_there, accelerator.runtime.error = True, None
    engine.process(WINDOW, 3_200)
    assert engine.bundle.device == "cpu"
    engine.retry()
    engine.process(WINDOW, 4_800)
    assert engine.bundle.device == "cuda"
    assert told[-1] == "cuda is used again"


def test_accelerator_that_fails_in_the_first_run_is_replaced_before_the_source_starts(
    accelerator,
) -> None:
    told: list[str] = []
    accelerator.runtime.error = torch.OutOfMemoryError("CUDA out of memory")
    engine = FallbackEngine(accelerator.load("cuda"), accelerator.load, told.append)
    engine.warm_up(1_600)
    assert engine.bundle.device == "cpu"
    assert len(told) == 1


def test_processor_that_fails_has_nothing_to_fall_back_on(accelerator, tiny_bundle) -> None:
    told: list[str] = []
    broken = dataclasses.replace(tiny_bundle)
    broken.__dict__["runtime"] = accelerator.runtime
    accelerator.runtime.error = RuntimeError("out of memory")
    engine = FallbackEngine(broken, accelerator.load, told.append)
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.process(WINDOW, 0)
    assert told == []
