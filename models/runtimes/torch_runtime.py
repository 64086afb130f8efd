"""The modules of a bundle run as they are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earmark.models.timebase import WINDOW_SAMPLES

from .finite import finite
from .protocol import Features


class TorchBranch(Protocol):
    """What this runtime asks of a branch."""

    block_samples: int

    def tokens(self, blocks: Tensor) -> Tensor:
        """Return ``(blocks, tokens of a block, features)`` of ``(blocks, block_samples)``."""

    def encode(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return embedding and logits of ``(batch, n_tokens, features)``."""


class TorchHead(Protocol):
    """What this runtime asks of a head."""

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Return the combined logits of the embeddings side by side."""


class TorchRuntime:
    """Runs the modules of a bundle as they are; it works on every device.

    Args:
        branches: By name, in the order of the head's input.
        head: Combines their embeddings; without one, what is combined is their mean.
        device: Where they live.
    """

    def __init__(
        self, branches: Mapping[str, TorchBranch], head: TorchHead | None, device: str
    ) -> None:
        self._branches = list(branches.values())
        self._head = head
        self._device = device
        self.block_sizes = tuple(sorted({branch.block_samples for branch in self._branches}))

    @torch.inference_mode()
    def features(self, blocks: NDArray[np.float32]) -> Features:
        """Return the tokens of each branch that hears blocks of this size."""
        sound = torch.from_numpy(blocks).to(self._device)
        return tuple(branch.tokens(sound) for branch in self._of_size(blocks.shape[1]))

    @torch.inference_mode()
    def logits(
        self, features: Sequence[Features], first: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return combined logits (windows, tags) and branch logits (windows, branches, tags)."""
        encoded = {}
        for size, kept, rows in zip(self.block_sizes, features, first, strict=True):
            blocks = np.arange(WINDOW_SAMPLES // size)
            at = torch.from_numpy(rows[:, None] + blocks).to(self._device)
            for branch, tokens in zip(self._of_size(size), kept, strict=True):
                found = tokens[at].flatten(1, 2)  # (windows, tokens, features)
                encoded[id(branch)] = branch.encode(found)
        pairs = [encoded[id(branch)] for branch in self._branches]
        by_branch = torch.stack([logits for _, logits in pairs], dim=1)
        if self._head is None:
            combined = by_branch.mean(dim=1)
        else:
            combined = self._head(torch.cat([embedding for embedding, _ in pairs], dim=1))
        return finite(combined.cpu().numpy(), by_branch.cpu().numpy())

    def _of_size(self, size: int) -> list[TorchBranch]:
        return [branch for branch in self._branches if branch.block_samples == size]
