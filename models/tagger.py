"""The whole model: four branches and a head. The file to read first."""

from collections.abc import Mapping
from typing import Tuple, Union

import torch
from torch import Tensor, nn

from .branch import BRANCHES, Branch
from .config import TaggerConfig
from .heads import Head, StackedHead

AnyHead = Union[Head, StackedHead]


class Tagger(nn.Module):
    """Four ways of hearing a window, and one answer.

    Args:
        branches: The branches by name, in the order of the head's input.
        head: Combines their embeddings.

    Shape:
        - Input: ``(batch, 16000)``
        - Output: combined logits ``(batch, tags)`` and branch logits ``(batch, branches, tags)``

    Source: Verma, "Diverse Audio Embeddings - Bringing Features Back Outperforms CLAP" (2023).
    """

    def __init__(self, branches: Mapping[str, Branch], head: AnyHead) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)
        self.head = head

    def forward(self, waveform: Tensor) -> Tuple[Tensor, Tensor]:
        """Return combined and branch logits of each window."""
        embeddings = []
        logits = []
        for branch in self.branches.values():
            embedding, branch_logits = branch(waveform)
            embeddings.append(embedding)
            logits.append(branch_logits)
        combined: Tensor = self.head(torch.cat(embeddings, dim=1))
        return combined, torch.stack(logits, dim=1)


def branches_of(tagger: Tagger) -> dict[str, Branch]:
    """Return the branches of a tagger by name, in their order."""
    return {name: branch for name, branch in tagger.branches.items() if isinstance(branch, Branch)}


def build_tagger(config: TaggerConfig, n_tags: int) -> Tagger:
    """Return an untrained tagger with all four branches."""
    branches = {name: build(config, n_tags) for name, build in BRANCHES.items()}
    return Tagger(branches, _build_head(config, branches, n_tags))


def _build_head(config: TaggerConfig, branches: Mapping[str, Branch], n_tags: int) -> AnyHead:
    if config.head.kind == "linear":
        return Head(config.encoder.d_model, n_tags)
    classifiers = [branch.classifier for branch in branches.values()]
    return StackedHead(classifiers, config.encoder.d_model, n_tags)
