"""Taught tags behind any runtime: a few more outputs, from embeddings that are there anyway."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.models.runtimes.finite import finite
from earmark.models.runtimes.protocol import Features, Runtime

from .tag import TaughtTag

_Floats = NDArray[np.float32]


class TaughtRuntime:
    """A runtime with a few tags more.

    Args:
        base: Runs a bundle with ``EmbeddingHead``.
        n_tags: Of the bundle.
        taught: Tags behind them, in this order.
    """

    def __init__(self, base: Runtime, n_tags: int, taught: Sequence[TaughtTag]) -> None:
        self._base = base
        self._n_tags = n_tags
        self.block_sizes = base.block_sizes
        self._weight = np.stack([tag.weight for tag in taught], axis=1)  # (inputs, taught)
        self._bias = np.array([tag.bias for tag in taught], np.float32)
        # (branches, d_embedding, taught): each branch's own, as a stack of matrices.
        self._branch_weight = np.stack([tag.branch_weight for tag in taught], axis=2)
        self._branch_bias = np.stack([tag.branch_bias for tag in taught], axis=1)

    def features(self, blocks: _Floats) -> Features:
        """Return what is to be kept of blocks of one kind."""
        return self._base.features(blocks)

    def logits(
        self, features: Sequence[Features], first: Sequence[NDArray[np.int64]]
    ) -> tuple[_Floats, _Floats]:
        """Return combined logits (windows, tags) and branch logits (windows, branches, tags)."""
        found, by_branch = self._base.logits(features, first)
        combined, embeddings = found[:, : self._n_tags], found[:, self._n_tags :]
        taught = embeddings @ self._weight + self._bias
        parts = embeddings.reshape(len(embeddings), *self._branch_weight.shape[:2])
        by_taught = np.einsum("wbd,bdt->wbt", parts, self._branch_weight) + self._branch_bias
        return finite(
            np.concatenate([combined, taught], axis=1, dtype=np.float32),
            np.concatenate([by_branch, by_taught], axis=2, dtype=np.float32),
        )
