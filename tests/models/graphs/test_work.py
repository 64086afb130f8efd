"""What the compiled graphs do, counted; no clock is read."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from earmark.models.graphs.constant_q import ConstantQGraph
from earmark.models.graphs.encoder import EncoderGraph
from earmark.models.graphs.graph import Graph
from earmark.models.graphs.mobilenet import write_mobilenet
from earmark.models.graphs.spectra import write_log_mel, write_timbre
from earmark.models.graphs.tagger import CompiledTagger
from earmark.models.tagger import branches_of


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}


def test_layer_of_an_encoder_takes_nineteen_steps(tiny_tagger) -> None:
    encoder = branches_of(tiny_tagger)["waveform"]
    graph = Graph()
    EncoderGraph(encoder).write(graph, graph.input("projected", ["windows", 40, 64]))
    layers = len(encoder.encoder.layers)
    around = 8 + 3 * (layers // encoder.encoder.pool_every)  # positions, pooling, classifier
    assert len(graph.model().graph.node) <= 19 * layers + around


def test_products_of_a_layer_are_as_many_whatever_its_heads(tiny_tagger) -> None:
    graph = Graph()
    encoder = branches_of(tiny_tagger)["waveform"]
    EncoderGraph(encoder).write(graph, graph.input("projected", ["windows", 40, 64]))
    kinds = Counter(node.op_type for node in graph.model().graph.node)
    # Scores and what is gathered; four with a bias: into heads, out of them, and the perceptron's.
    layers = len(encoder.encoder.layers)
    assert kinds["FusedMatMul"] + kinds["MatMul"] == 2 * layers
    assert kinds["Gemm"] == 4 * layers + 2  # and the classifier's


@pytest.mark.parametrize(
    ("branch", "samples", "frequencies", "bands"),
    [("timbre", 400, 201, 40), ("neuralogram", 400, 257, 64)],
)
def test_spectrum_multiplies_half_a_window_by_each_frequency(
    tiny_tagger, branch: str, samples: int, frequencies: int, bands: int
) -> None:
    front_end = branches_of(tiny_tagger)[branch].front_end
    graph = Graph()
    if branch == "timbre":
        write_timbre(graph, graph.input("blocks", ["n", 400]), front_end, np.eye(12))
    else:
        write_log_mel(graph, graph.input("blocks", ["n", 1_600]), front_end)
    model = graph.model()
    known = constants(model)
    multiplied = sum(
        known[node.input[1]].size
        for node in model.graph.node
        if node.op_type == "MatMul" and known[node.input[1]].shape[1] >= bands
    )
    assert multiplied <= samples * frequencies + frequencies * bands


def test_low_tones_multiplied_in_two_steps_are_a_third_of_the_work_and_as_exact(
    tiny_tagger, noise
) -> None:
    constant_q = branches_of(tiny_tagger)["pitch"].front_end.constant_q
    frames = noise(seconds=5.0).reshape(-1, 400)
    work, products = [], []
    for factored in (False, True):
        graph = Graph()
        pitch = ConstantQGraph(constant_q, factored=factored)
        graph.output("products", pitch.write_products(graph, graph.input("frames", ["n", 400])))
        known = constants(graph.model())
        work.append(
            sum(known[n.input[1]].size for n in graph.model().graph.node if n.op_type == "MatMul")
        )
        products.append(graph.session(threads=1).run(None, {"frames": frames})[0])
    assert work[1] < work[0] / 3
    # Of what a frame could give at most, as much as float32 rounds sums of 400 by.
    rounding = np.finfo(np.float32).eps * np.sqrt(400)
    assert np.abs(products[1] - products[0]).max() < rounding * np.abs(products[0]).max()


@pytest.fixture
def mobilenet_in_8_bits(tiny_tagger) -> list[tuple[str, np.ndarray]]:
    """Operator and weights of each layer in 8 bits."""
    graph = Graph()
    mobilenet = branches_of(tiny_tagger)["neuralogram"].front_end.mobilenet
    images = graph.input("images", ["n", 1, 64, 11])
    projection = np.eye(mobilenet.n_features)
    write_mobilenet(graph, images, mobilenet, projection, size=(64, 11), eight_bits=True)
    model = graph.model()
    known = constants(model)
    kinds = {"QLinearConv", "QGemm"}
    return [(n.op_type, known[n.input[3]]) for n in model.graph.node if n.op_type in kinds]


def test_products_of_the_mobilenet_cannot_overflow_16_bits(mobilenet_in_8_bits) -> None:
    assert len(mobilenet_in_8_bits) == 16
    for _, weight in mobilenet_in_8_bits:
        # With a sign, as processors have instructions for.
        assert weight.dtype == np.int8
        assert 2 * 255 * int(np.abs(weight.astype(int)).max()) < 2**15


def test_large_weights_in_8_bits_are_fetched_once_for_all_images(mobilenet_in_8_bits) -> None:
    # A convolution takes one image after the other; a product takes all of them at once.
    for kind, weight in mobilenet_in_8_bits:
        assert (weight.ndim == 2) == (kind == "QGemm")
        assert kind == "QGemm" or weight.shape[1] == 1


@pytest.mark.parametrize(("size", "calls"), [(1_600, 1), (400, 2)])
def test_window_by_itself_fetches_the_weights_once_or_twice(
    tiny_bundle, noise, size: int, calls: int
) -> None:
    tagger = CompiledTagger(tiny_bundle.branches, tiny_bundle.head, threads=1)
    session, counted = tagger._blocks[size], []

    class Counting:
        def run(self, names, fed):
            counted.append(len(fed["blocks"]))
            return session.run(names, fed)

    tagger._blocks[size] = Counting()
    tagger.features(noise().reshape(-1, size))
    assert len(counted) == calls
    assert sum(counted) == 16_000 // size
