"""Ratios that hold on every machine: work counted, and speeds against a reference beside it."""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.runtimes.torch_runtime import TorchRuntime
from earmark.models.streaming.engine import InferenceEngine
from earmark.models.timebase import WINDOW_SAMPLES


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(device="cpu", threads=1)


def blocks_computed(bundle: Bundle, hop: int) -> dict[int, int]:
    """Return the blocks of each size that an update computes once the stream is under way."""
    counted: dict[int, int] = {}
    runtime = bundle.runtime
    engine = InferenceEngine(bundle)
    for store in engine._stores:
        compute = store._compute

        def counting(blocks: np.ndarray, compute=compute):
            counted[blocks.shape[1]] = counted.get(blocks.shape[1], 0) + len(blocks)
            return compute(blocks)

        store._compute = counting
    sound = np.zeros(WINDOW_SAMPLES + 20 * hop, np.float32)
    for i in range(11):
        if i == 1:
            counted.clear()
        engine.process(sound[i * hop : i * hop + WINDOW_SAMPLES], i * hop)
    assert set(counted) == set(runtime.block_sizes)
    return {size: count // 10 for size, count in counted.items()}


@pytest.mark.parametrize(("hop", "frames", "chunks"), [(800, 2, 1), (1_600, 4, 1), (8_000, 20, 5)])
def test_update_hears_only_what_is_new(tiny_bundle, hop, frames, chunks) -> None:
    counted = blocks_computed(tiny_bundle, hop)
    assert counted[400] == frames
    # At half a chunk two rows of chunks take turns, and each window completes one.
    assert counted[1_600] == chunks


def seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def ratio(own: Callable[[], object], reference: Callable[[], object], turns: int = 15) -> float:
    """The median over turns, each of which the machine's noise hits on both sides."""
    own()
    reference()
    return float(np.median([seconds(own) / seconds(reference) for _ in range(turns)]))


def test_update_is_a_fraction_of_the_modules_on_a_whole_window(bundle, noise) -> None:
    modules = TorchRuntime(bundle.branches, bundle.head, bundle.device)
    window = noise()
    kinds = [window.reshape(-1, size) for size in modules.block_sizes]
    first = [np.zeros(1, np.int64)] * len(kinds)

    def whole() -> None:
        modules.logits([modules.features(blocks) for blocks in kinds], first)

    engine, position = InferenceEngine(bundle), iter(range(0, 10**9, 1_600))

    def update() -> None:
        engine.process(window, next(position))

    for _ in range(12):
        update()
    assert ratio(update, whole) < 0.35


def test_window_by_itself_is_cheaper_than_the_modules(bundle, noise) -> None:
    modules = TorchRuntime(bundle.branches, bundle.head, bundle.device)
    window = noise()
    first = [np.zeros(1, np.int64)] * 2

    def step(runtime) -> None:
        features = [runtime.features(window.reshape(-1, n)) for n in runtime.block_sizes]
        runtime.logits(features, first[:1] * len(features))

    assert ratio(lambda: step(bundle.runtime), lambda: step(modules)) < 0.85


def test_batch_is_cheaper_by_the_window_than_updates(bundle, noise) -> None:
    sound = noise(seconds=4.1)
    starts = list(range(0, 48_001, 1_600))

    def batch() -> None:
        InferenceEngine(bundle).process_span(sound, 0, starts)

    def updates() -> None:
        engine = InferenceEngine(bundle)
        for start in starts:
            engine.process(sound[start : start + WINDOW_SAMPLES], start)

    assert ratio(batch, updates, turns=5) < 0.95


def test_cost_of_a_window_does_not_grow_with_the_stream(tiny_bundle, noise) -> None:
    early, late = InferenceEngine(tiny_bundle), InferenceEngine(tiny_bundle)
    window = noise()
    for i in range(2_000):
        late.process(window, i * 1_600)
    at = {id(early): 0, id(late): 2_000}

    def step(engine: InferenceEngine) -> None:
        for _ in range(5):
            engine.process(window, at[id(engine)] * 1_600)
            at[id(engine)] += 1

    for _ in range(4):
        step(early)
    assert ratio(lambda: step(late), lambda: step(early)) < 1.5


def test_one_thread_is_one_thread(bundle, noise) -> None:
    assert torch.get_num_threads() == 1
    engine = InferenceEngine(bundle)
    engine.process(noise(), 0)
    began = time.perf_counter(), time.process_time()
    for i in range(1, 20):
        engine.process(noise(), i * 1_600)
    wall, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    assert processor < 1.3 * wall
