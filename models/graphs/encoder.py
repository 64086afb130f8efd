"""The encoder and the classifier of a branch as a graph."""

import math
from typing import Any, Final

import numpy as np

from .graph import CONTRIB, Graph
from .weights import Array, Weights, after, batch_norm, linear, part_of, weights_of

_EPSILON: Final = 1e-5  # of torch's layer and batch normalizations
_BLOCK: Final = 64  # weights that share a step when they are rounded
_WIDEST_SCORE: Final = 80.0  # exp of more comes near the end of float32


class EncoderGraph:
    """Writes one branch's encoder and classifier.

    The same numbers as ``earmark.models.encoder.Encoder``, in fewer and larger steps: what a
    normalization scales is scaled by the next layer's weights, queries bring the softmax's
    temperature with them, and tokens lie in columns where heads are cut out of them.

    Args:
        branch: ``earmark.models.branch.Branch``, or what is stored of one.
    """

    def __init__(self, branch: Any) -> None:
        self._weights = weights_of(branch.encoder)
        self._classifier = weights_of(branch.classifier)
        layers = dict(branch.encoder.layers.named_children())
        attention = layers["0"].attention
        self._n_layers = len(layers)
        self._heads, self._head_dim = int(attention.n_heads), int(attention.head_dim)
        self._pool_every = int(branch.encoder.pool_every)
        self.n_tokens, self._width = self._weights["positions"].shape
        self.projection, bias = linear(self._weights, "project")
        if "feature_norm.weight" in self._weights:
            norm = batch_norm(self._weights, "feature_norm", _EPSILON)
            self.projection, bias = after(*norm, self.projection, bias)
        self._positions = bias + self._weights["positions"]

    def write(self, graph: Graph, projected: str, *, eight_bits: bool = False) -> tuple[str, str]:
        """Return embeddings and logits of windows.

        Args:
            graph: To write to.
            projected: (windows, tokens, d_model), features times ``projection``.
            eight_bits: Whether the classifier's weights are rounded; the embedding's never are.
        """
        tokens = graph.op("Add", projected, graph.floats(self._positions))
        tokens = graph.reshape(tokens, -1, self._width)
        count = self.n_tokens
        for i in range(self._n_layers):
            layer = part_of(self._weights, f"layers.{i}")
            tokens = self._attention(graph, tokens, layer, count)
            tokens = self._perceptron(graph, tokens, layer)
            if (i + 1) % self._pool_every == 0:
                tokens = graph.reshape(tokens, -1, 1, count, self._width)
                tokens = graph.op(
                    "MaxPool", tokens, kernel_shape=[2, 1], strides=[2, 1], ceil_mode=1
                )
                tokens = graph.reshape(tokens, -1, self._width)
                count = (count + 1) // 2
        tokens = self._normalized(
            graph, tokens, self._weights["norm.weight"], self._weights["norm.bias"]
        )
        tokens = graph.reshape(tokens, -1, count, self._width)
        embedding = graph.op("ReduceMean", tokens, graph.integers([1]), keepdims=0)
        apply = self._in_8_bits if eight_bits else Graph.affine
        hidden = apply(graph, embedding, *linear(self._classifier, "0"))
        return embedding, apply(graph, graph.op("Relu", hidden), *linear(self._classifier, "3"))

    @staticmethod
    def _in_8_bits(graph: Graph, value: str, weight: Array, bias: Array) -> str:
        """Return ``value @ weight + bias``, weights rounded in blocks.

        For one window the work is to fetch the weights: a quarter of the bytes, a quarter of it.
        """
        inputs, outputs = weight.shape
        padded = np.pad(weight.T, ((0, 0), (0, -inputs % _BLOCK)))
        blocks = padded.reshape(outputs, -1, _BLOCK)
        steps = np.maximum(np.abs(blocks).max(axis=2), 1e-9) / 127
        rounded = np.round(blocks / steps[:, :, None]) + 128
        product = graph.op(
            "MatMulNBits",
            value,
            graph.bytes(rounded),
            graph.floats(steps.ravel()),
            domain=CONTRIB,
            K=inputs,
            N=outputs,
            bits=8,
            block_size=_BLOCK,
            accuracy_level=4,  # what is multiplied is rounded as well, each window by itself
        )
        return graph.op("Add", product, graph.floats(bias))

    def _attention(self, graph: Graph, tokens: str, layer: Weights, count: int) -> str:
        inner = self._heads * self._head_dim
        norm = layer["attention_norm.weight"], layer["attention_norm.bias"]
        weight, bias = after(*norm, *linear(layer, "attention.queries_keys_values"))
        cooled = np.ones(3 * inner)
        cooled[:inner] = 1 / math.sqrt(self._head_dim)
        weight, bias = weight * cooled, bias * cooled
        joint = graph.affine(self._normalized(graph, tokens), weight, bias)
        joint = graph.reshape(joint, -1, count, 3 * self._heads, self._head_dim)
        joint = graph.op("Transpose", joint, perm=[0, 2, 3, 1])  # tokens in columns
        queries, keys, values = graph.ops("Split", joint, count=3, axis=1, num_outputs=3)
        largest = self._largest_score(weight, bias)
        gathered = self._gathered(graph, queries, keys, values, largest)
        gathered = graph.op("Transpose", gathered, perm=[0, 3, 1, 2])
        gathered = graph.affine(
            graph.reshape(gathered, -1, inner), *linear(layer, "attention.output")
        )
        return graph.op("Add", tokens, gathered)

    @staticmethod
    def _gathered(graph: Graph, queries: str, keys: str, values: str, largest_score: float) -> str:
        """Return the values weighted with the softmax of the scores, tokens in columns."""
        if largest_score > _WIDEST_SCORE:
            scores = graph.op("FusedMatMul", queries, keys, domain=CONTRIB, transA=1)
            shares = graph.op("Softmax", scores, axis=-1)
            return graph.op("FusedMatMul", values, shares, domain=CONTRIB, transB=1)
        # No score can overflow, so none need be taken off first; and what is gathered is less to
        # divide than the shares are. Queries in columns, their sums lie as what they divide.
        scores = graph.op("FusedMatMul", keys, queries, domain=CONTRIB, transA=1)
        raised = graph.op("Exp", scores)
        total = graph.op("ReduceSum", raised, graph.integers([2]), keepdims=1)
        return graph.op("Div", graph.op("MatMul", values, raised), total)

    def _largest_score(self, weight: Array, bias: Array) -> float:
        """Return what no query times a key can exceed: a normalized token has a bounded length."""
        inner = self._heads * self._head_dim
        length = math.sqrt(self._width)

        def longest(part: int) -> Array:
            columns = slice(part * inner, (part + 1) * inner)
            heads = weight[:, columns].reshape(self._width, self._heads, self._head_dim)
            shifts = bias[columns].reshape(self._heads, self._head_dim)
            spread = np.linalg.norm(heads.transpose(1, 0, 2), ord=2, axis=(1, 2))
            return np.asarray(spread * length + np.linalg.norm(shifts, axis=1))

        return float((longest(0) * longest(1)).max())

    def _perceptron(self, graph: Graph, tokens: str, layer: Weights) -> str:
        norm = layer["mlp_norm.weight"], layer["mlp_norm.bias"]
        weight, bias = after(*norm, *linear(layer, "mlp.0"))
        hidden = graph.affine(self._normalized(graph, tokens), weight, bias)
        hidden = graph.op("Gelu", hidden, domain=CONTRIB)
        return graph.op("Add", tokens, graph.affine(hidden, *linear(layer, "mlp.2")))

    def _normalized(
        self, graph: Graph, tokens: str, scale: Array | None = None, shift: Array | None = None
    ) -> str:
        scale = np.ones(self._width) if scale is None else scale
        shift = np.zeros(self._width) if shift is None else shift
        return graph.op(
            "LayerNormalization", tokens, graph.floats(scale), graph.floats(shift), epsilon=_EPSILON
        )
