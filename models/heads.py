"""Heads that combine what the branches heard, all of them or some."""

import math
from collections.abc import Sequence
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


class StackedHead(nn.Module):
    """A weighted sum of the branches' own logits, and one for each subset of the branches.

    A classifier of 2048 hidden units reads more out of an embedding than a linear layer does. The
    classifiers are those of the branches, shared with them, so that from embeddings alone the head
    comes to the branches' own logits.

    Args:
        classifiers: Of the branches, in their order: ``(batch, d_embedding) -> (batch, n_tags)``.
        d_embedding: Numbers in one branch's embedding.
        n_tags: Outputs.

    Shape:
        - Input: ``(batch, 4 * d_embedding)``, in the order of the branches
        - Output: ``(batch, n_tags)`` logits

    Source: Wolpert, "Stacked generalization" (1992).
    """

    members: Tensor

    def __init__(self, classifiers: Sequence[nn.Module], d_embedding: int, n_tags: int) -> None:
        super().__init__()
        self.d_embedding = d_embedding
        self.classifiers = nn.ModuleList(classifiers)
        members = torch.tensor([subset_members(subset) for subset in range(N_SUBSETS)]).float()
        self.register_buffer("members", members)  # (subsets, branches)
        self.shares = nn.Parameter(members / members.sum(dim=1, keepdim=True))
        self.bias = nn.Parameter(torch.zeros(N_SUBSETS, n_tags))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the logits of all branches together."""
        return torch.einsum("b,wbt->wt", self.shares[-1], self.said(embeddings)) + self.bias[-1]

    @torch.jit.export
    def subsets(self, embeddings: Tensor) -> Tensor:
        """Return the logits of each subset, ``(subsets, batch, n_tags)``; the last is of all."""
        shares = self.shares * self.members
        return torch.einsum("sb,wbt->swt", shares, self.said(embeddings)) + self.bias[:, None]

    @torch.jit.export
    def said(self, embeddings: Tensor) -> Tensor:
        """Return the branches' own logits, ``(batch, branches, n_tags)``."""
        found = []
        for i, classifier in enumerate(self.classifiers):
            own = embeddings[:, i * self.d_embedding : (i + 1) * self.d_embedding]
            found.append(classifier(own))
        return torch.stack(found, dim=1)


def subset_members(subset: int) -> list[bool]:
    """Return which of the branches belong to a subset, numbered from 0 to 14."""
    return [bool((subset + 1) >> branch & 1) for branch in range(N_BRANCHES)]
