"""The last stage: the head on frozen embeddings, for all subsets of the branches at once."""

from collections.abc import Iterator
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from earmark.models.heads import N_SUBSETS, StackedHead
from earmark.models.tagger import AnyHead

from ..metrics import mean_average_precision
from ..recipe import StageSettings
from .embeddings import Embeddings
from .loop import Batch, Stage
from .losses import tagging_loss


class AllSubsets(nn.Module):
    """A head that answers for all subsets of the branches, side by side.

    Args:
        head: The head to train; classifiers that it shares with the branches stay as they are.
        dropout: On the embeddings, so that no branch is leaned on too much.

    Shape:
        - Input: ``(batch, 4 * d_embedding)``
        - Output: ``(batch, 15 * tags)``
    """

    def __init__(self, head: AnyHead, dropout: float) -> None:
        super().__init__()
        self.head = head
        self.dropout = nn.Dropout(dropout)
        if isinstance(head, StackedHead):
            head.classifiers.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; classifiers that do not learn answer as they will be used."""
        super().train(mode)
        if isinstance(self.head, StackedHead):
            self.head.classifiers.eval()
        return self

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the logits of each subset."""
        logits: Tensor = self.head.subsets(self.dropout(embeddings))
        return logits.transpose(0, 1).flatten(1)


def head_stage(
    head: AnyHead,
    learned_from: Embeddings,
    held_out: Embeddings,
    settings: StageSettings,
    *,
    device: torch.device,
) -> Stage:
    """Return the stage that trains a head."""
    n_windows = len(learned_from.embeddings)

    def epoch(generator: np.random.Generator) -> Iterator[Batch]:
        order = torch.from_numpy(generator.permutation(n_windows))
        for chosen in order.split(settings.batch_size)[: n_windows // settings.batch_size or 1]:
            targets = learned_from.targets[chosen].repeat(1, N_SUBSETS)
            yield learned_from.embeddings[chosen], targets

    @torch.inference_mode()
    def validate(module: nn.Module) -> dict[str, float]:
        answers = module(held_out.embeddings.to(device)).cpu()
        combined = torch.sigmoid(answers[:, -held_out.targets.shape[1] :])
        return {
            "map": mean_average_precision(
                clip_means(combined, held_out.clips).numpy(),
                clip_means(held_out.targets, held_out.clips).numpy(),
            )
        }

    return Stage(
        name="head",
        module=AllSubsets(head, settings.dropout),
        epoch=epoch,
        batches_per_epoch=n_windows // settings.batch_size or 1,
        loss=lambda logits, targets: tagging_loss(logits, targets, settings.loss),
        validate=validate,
        settings=settings,
    )


def clip_means(values: Tensor, clips: Tensor) -> Tensor:
    """Return the mean over the windows of each clip, (clips, tags) of (windows, tags)."""
    sums = torch.zeros(int(clips.max()) + 1, values.shape[1]).index_add_(0, clips, values)
    return sums / torch.bincount(clips)[:, None]
