"""The head that combines what the branches heard."""

from torch import Tensor, nn


class Head(nn.Module):
    """A linear layer on the embeddings of some or all branches, side by side.

    Args:
        n_embedding: Numbers in all the embeddings together.
        n_tags: Outputs.

    Shape:
        - Input: ``(batch, n_embedding)``
        - Output: ``(batch, n_tags)`` logits
    """

    def __init__(self, n_embedding: int, n_tags: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_embedding, n_tags)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the combined logits."""
        logits: Tensor = self.linear(embeddings)
        return logits
