"""What combines the branches as a part of a graph."""

from typing import Any

from .graph import Graph
from .weights import weights_of


def write_head(graph: Graph, head: Any | None, embeddings: str, by_branch: str) -> str:
    """Return what a head makes of windows, ``(windows, tags)``.

    Args:
        graph: To write to.
        head: A head of the model or out of a bundle; without one, what is combined is the
            branches' mean.
        embeddings: (windows, inputs), the branches' side by side.
        by_branch: (windows, branches, tags), the branches' own logits.
    """
    if head is None:
        return graph.op("ReduceMean", by_branch, graph.integers([1]), keepdims=0)
    weights = weights_of(head)
    if "shares" not in weights:
        return graph.affine(embeddings, weights["weight"][-1], weights["bias"][-1])
    # Its classifiers are the branches' own: what they say is there already.
    shares = graph.floats(weights["shares"][-1][None])  # (1, branches)
    summed = graph.op("Squeeze", graph.op("MatMul", shares, by_branch), graph.integers([1]))
    return graph.op("Add", summed, graph.floats(weights["bias"][-1]))
