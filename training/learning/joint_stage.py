"""All four branches and the head learning together, after each branch has learned by itself."""

from collections.abc import Callable
from typing import NamedTuple, Self

from torch import Tensor, nn

from earmark.models.tagger import Tagger, branches_of

from ..recipe import StageSettings
from .losses import tagging_loss
from .stages import END_TO_END


class Answers(NamedTuple):
    """What a tagger gives.

    Args:
        combined: Logits ``(batch, tags)``.
        branches: Logits ``(batch, branches, tags)``.
    """

    combined: Tensor
    branches: Tensor


class JointTagger(nn.Module):
    """A tagger that learns as a whole, but for the front ends that do not learn with their branch.

    Args:
        tagger: To train on. Of its front ends that of the waveform learns.

    Shape:
        - Input: ``(batch, 16000)``
        - Output: combined logits ``(batch, tags)`` and branch logits ``(batch, branches, tags)``
    """

    def __init__(self, tagger: Tagger) -> None:
        super().__init__()
        self.tagger = tagger.requires_grad_(requires_grad=True)
        for name, branch in branches_of(tagger).items():
            branch.front_end.requires_grad_(name in END_TO_END)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen front end stays as it will be used."""
        super().train(mode)
        for name, branch in branches_of(self.tagger).items():
            branch.front_end.train(mode and name in END_TO_END)
        return self

    def forward(self, waveform: Tensor) -> Answers:
        """Return what the whole and its branches hear in each window."""
        return Answers(*self.tagger(waveform))


def joint_loss(settings: StageSettings, n_tags: int) -> Callable[[Answers, Tensor], Tensor]:
    """Return the loss of the whole, with a share for what each branch says by itself.

    Args:
        settings: Of the stage; ``deep_supervision`` is the weight of the branches beside the whole.
        n_tags: Columns of the lessons that are tags.
    """

    def loss(answers: Answers, lessons: Tensor) -> Tensor:
        targets = lessons[:, :n_tags]
        whole = tagging_loss(answers.combined, targets, settings.loss)
        each = tagging_loss(
            answers.branches, targets[:, None].expand_as(answers.branches), settings.loss
        )
        weight = settings.deep_supervision
        return (whole + weight * each) / (1 + weight)

    return loss
