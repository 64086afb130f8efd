"""The head that combines what the branches heard, all of them or some."""

import math
from typing import Final

import torch
from torch import Tensor, nn

#: Bit i of a subset's number plus one says whether branch i belongs to it: 15 subsets of 4.
N_BRANCHES: Final = 4
N_SUBSETS: Final = 2**N_BRANCHES - 1


class Head(nn.Module):
    """A linear layer on the embeddings of all branches, side by side, and one for each subset.

    Args:
        d_embedding: Numbers in one branch's embedding.
        n_tags: Outputs.

    Shape:
        - Input: ``(batch, 4 * d_embedding)``, in the order of the branches
        - Output: ``(batch, n_tags)`` logits
    """

    heard: Tensor

    def __init__(self, d_embedding: int, n_tags: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(N_BRANCHES * d_embedding)
        weight = torch.empty(N_SUBSETS, N_BRANCHES * d_embedding, n_tags).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(N_SUBSETS, n_tags))
        members = torch.tensor([subset_members(subset) for subset in range(N_SUBSETS)])
        # (subsets, 4 x d_embedding, 1): what a subset does not contain, it does not hear.
        self.register_buffer("heard", members.repeat_interleave(d_embedding, 1)[..., None].float())

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the logits of all branches together."""
        return embeddings @ self.weight[-1] + self.bias[-1]

    @torch.jit.export
    def subsets(self, embeddings: Tensor) -> Tensor:
        """Return the logits of each subset, ``(subsets, batch, n_tags)``; the last is of all."""
        return embeddings @ (self.weight * self.heard) + self.bias[:, None]


def subset_members(subset: int) -> list[bool]:
    """Return which of the branches belong to a subset, numbered from 0 to 14."""
    return [bool((subset + 1) >> branch & 1) for branch in range(N_BRANCHES)]
