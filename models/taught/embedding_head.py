"""A head that tells the embeddings as well."""

import torch
from torch import Tensor, nn

from earmark.models.runtimes.torch_runtime import TorchHead


class EmbeddingHead(nn.Module):
    """A head that gives the logits of another one, and behind them the embeddings.

    Args:
        base: A head of the model or out of a bundle.

    Shape:
        - Input: ``(batch, inputs)`` embeddings side by side
        - Output: ``(batch, tags + inputs)``
    """

    def __init__(self, base: TorchHead) -> None:
        super().__init__()
        self.base = base

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return logits and embeddings side by side."""
        return torch.cat([self.base(embeddings), embeddings], dim=1)
