"""The compiled graphs say what the modules say that they were written from."""

import copy
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.lib.stride_tricks import sliding_window_view

from earmark.models.bundle.load import Bundle, load_bundle
from earmark.models.config import BRANCH_NAMES, WaveformConfig
from earmark.models.frontends.waveform import WaveformFrontEnd
from earmark.models.graphs.encoder import EncoderGraph
from earmark.models.graphs.graph import Graph
from earmark.models.graphs.tagger import CompiledTagger
from earmark.models.graphs.waveform import write_waveform
from earmark.models.runtimes.torch_runtime import TorchRuntime

ASSETS = Path(__file__).parents[3] / "assets"


def answers(runtime, sound: np.ndarray, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits of the windows of a sound, each kind of block computed once."""
    starts = np.arange(0, len(sound) - 15_999, hop)
    features, first = [], []
    for size in runtime.block_sizes:
        step = np.gcd(hop, size)
        features.append(runtime.features(sliding_window_view(sound, size)[::step].copy()))
        stride = size // step
        # Rows of one window lie ``stride`` apart: reordered so that they follow one another.
        rows = (starts // step)[:, None] + stride * np.arange(16_000 // size)
        features[-1] = tuple(part[rows.ravel()] for part in features[-1])
        first.append(np.arange(len(starts)) * (16_000 // size))
    return runtime.logits(features, first)


@pytest.fixture(scope="module")
def compiled(tiny_bundle) -> CompiledTagger:
    return CompiledTagger(tiny_bundle.branches, tiny_bundle.head, threads=1)


@pytest.mark.parametrize("amplitude", [0.0, 1e-3, 0.1, 1.0])
def test_compiled_bundle_answers_like_its_modules(tiny_bundle, compiled, noise, amplitude) -> None:
    sound = noise(seconds=1.3, amplitude=amplitude)
    modules = TorchRuntime(tiny_bundle.branches, tiny_bundle.head, tiny_bundle.device)
    for found, wanted in zip(
        answers(compiled, sound, 400), answers(modules, sound, 400), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_tagger_compiles_like_the_bundle_made_of_it(tiny_tagger, compiled, noise) -> None:
    eager = CompiledTagger(dict(tiny_tagger.branches.items()), tiny_tagger.head, threads=1)
    for found, wanted in zip(
        answers(eager, noise(), 16_000), answers(compiled, noise(), 16_000), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", BRANCH_NAMES)
def test_branch_by_itself_answers_as_among_the_others(tiny_bundle, compiled, noise, name) -> None:
    alone = CompiledTagger({name: tiny_bundle.branches[name]}, None, threads=1)
    _, found = answers(alone, noise(), 16_000)
    _, wanted = answers(compiled, noise(), 16_000)
    at = BRANCH_NAMES.index(name)
    np.testing.assert_allclose(found[:, 0], wanted[:, at], atol=1e-6)


def test_frames_outside_of_a_window_are_not_heard(compiled, noise) -> None:
    quiet, loud = noise(seconds=3.0), noise(seconds=3.0)
    loud[:16_000] *= 9
    loud[32_000:] *= 9
    rows = compiled.features(quiet.reshape(-1, 400)), compiled.features(quiet.reshape(-1, 1_600))
    among = compiled.features(loud.reshape(-1, 400)), compiled.features(loud.reshape(-1, 1_600))
    middle = np.array([40]), np.array([10])
    np.testing.assert_allclose(
        compiled.logits(rows, middle)[0], compiled.logits(among, middle)[0], atol=1e-5
    )


@pytest.mark.parametrize("factor", [1.0, 30.0])
def test_scores_too_large_for_a_bare_exponential_are_still_a_softmax(tiny_tagger, factor) -> None:
    branch = copy.deepcopy(tiny_tagger.branches["timbre"])
    with torch.no_grad():
        for layer in branch.encoder.layers:
            layer.attention.queries_keys_values.weight.mul_(factor)
    tokens = torch.randn(1, 40, 12, generator=torch.Generator().manual_seed(0))
    encoder = EncoderGraph(branch)
    graph = Graph()
    projected = graph.input("projected", ["windows", 40, 64])
    embedding, _ = encoder.write(graph, projected)
    graph.output("embedding", embedding)
    kinds = {node.op_type for node in graph.model().graph.node}
    assert ("Softmax" in kinds) == (factor > 1)
    fed = (tokens.numpy() @ encoder.projection).astype(np.float32)
    (found,) = graph.session(threads=1).run(None, {"projected": fed})
    with torch.inference_mode():
        np.testing.assert_allclose(found, branch.encode(tokens)[0], atol=2e-4)


@pytest.mark.parametrize(("eight_bits", "tolerance"), [(False, 1e-4), (True, 0.03)])
@pytest.mark.parametrize("taps", [200, 199, 7])
def test_filters_of_any_length_find_their_loudest_response(
    noise, taps: int, eight_bits: bool, tolerance: float
) -> None:
    torch.manual_seed(0)
    front_end = WaveformFrontEnd(WaveformConfig(n_filters=5, filter_samples=taps))
    blocks = noise(amplitude=0.7).reshape(40, 400)
    graph = Graph()
    value = write_waveform(
        graph, graph.input("frames", ["n", 400]), front_end, np.eye(5), eight_bits=eight_bits
    )
    graph.output("features", value)
    (found,) = graph.session(threads=1).run(None, {"frames": blocks})
    with torch.inference_mode():
        wanted = front_end(torch.from_numpy(blocks))[:, 0]
    np.testing.assert_allclose(found, wanted, atol=tolerance)


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return load_bundle(device="cpu", threads=1)


@pytest.fixture(scope="module")
def demo() -> np.ndarray:
    return soundfile.read(ASSETS / "demo.flac", dtype="float32")[0][: 42 * 16_000]


def probabilities(bundle: Bundle, sound: np.ndarray, **settings: bool) -> np.ndarray:
    runtime = CompiledTagger(bundle.branches, bundle.head, threads=1, **settings)
    return bundle.metadata.calibration.combined(answers(runtime, sound, 1_600)[0])


def test_shipped_model_keeps_its_probabilities_in_float32(shipped, demo) -> None:
    modules = TorchRuntime(shipped.branches, shipped.head, shipped.device)
    wanted = shipped.metadata.calibration.combined(answers(modules, demo, 1_600)[0])
    assert np.abs(probabilities(shipped, demo) - wanted).max() <= 1e-3


def test_shipped_model_keeps_its_tags_in_8_bits(shipped, demo) -> None:
    exact = probabilities(shipped, demo)
    rounded = probabilities(shipped, demo, eight_bits=True)
    best = [np.argsort(-p, axis=1)[:, :5] for p in (exact, rounded)]
    kept = [len(set(a) & set(b)) / 5 for a, b in zip(*best, strict=True)]
    assert np.mean(kept) >= 0.99
    assert np.abs(exact - rounded).max() <= 0.03


def test_blocks_in_8_bits_do_not_depend_on_their_company(tiny_bundle, noise) -> None:
    runtime = CompiledTagger(tiny_bundle.branches, tiny_bundle.head, threads=1, eight_bits=True)
    for size in runtime.block_sizes:
        blocks = noise(amplitude=0.01).reshape(-1, size)
        company = blocks.copy()
        company[1:] *= 90
        for alone, among in zip(
            runtime.features(blocks[:1]), runtime.features(company), strict=True
        ):
            np.testing.assert_allclose(alone[0], among[0], rtol=0, atol=1e-5)
