"""What a stage's output is held against: labels, and a teacher's outputs where there are some."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recipe import Loss, Regularizer, StageSettings

# Below this a distance counts as none, so that its root has a gradient.
_TINY = 1e-9


class Heard(NamedTuple):
    """What a module that is being trained gives.

    Args:
        logits: ``(batch, tags)``.
        linear: ``(batch, tags)`` of a linear classifier on the embedding.
        embedding: ``(batch, features)``; for the regularizer ``projection``, mapped linearly to as
            many features as the teacher has.
    """

    logits: Tensor
    linear: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class Objective:
    """The loss of a stage.

    Args:
        settings: Of the stage.
        n_tags: Columns of the lessons that are tags.

    Shape:
        - Input: what was heard, and lessons ``(batch, n_tags)``, or ``(batch, n_tags + features
          + 1)`` with a teacher's features and whether they are known
        - Output: ``()``

    Source: Ding and Lerch, "Audio embeddings as teachers for music classification" (2023), for
    ``(1 - lambda) x tagging + lambda x regularization``.
    """

    settings: StageSettings
    n_tags: int

    def __call__(self, heard: Heard, lessons: Tensor) -> Tensor:
        """Return the loss of a batch."""
        settings = self.settings
        targets = lessons[:, : self.n_tags]
        loss = tagging_loss(heard.logits, targets, settings.loss)
        if settings.deep_supervision:
            linear = tagging_loss(heard.linear, targets, settings.loss)
            loss = (loss + settings.deep_supervision * linear) / (1 + settings.deep_supervision)
        if not settings.regularization or lessons.shape[1] == self.n_tags:
            return loss
        # A mixture with a sound that the teacher never heard is not known either.
        known = lessons[:, -1] > 1 - 1e-3
        distance = embedding_distance(
            heard.embedding[known], lessons[known, self.n_tags : -1], settings.regularizer
        )
        return (1 - settings.regularization) * loss + settings.regularization * distance


def tagging_loss(logits: Tensor, targets: Tensor, kind: Loss) -> Tensor:
    """Return how far logits are from targets.

    Shape:
        - Input: logits and targets ``(batch, tags)``
        - Output: ``()``: mean over tags and examples
    """
    if kind == "huber":
        return F.huber_loss(torch.sigmoid(logits), targets, delta=1.0)
    return F.binary_cross_entropy_with_logits(logits, targets)


def embedding_distance(student: Tensor, teacher: Tensor, kind: Regularizer) -> Tensor:
    """Return how differently two embeddings of the same examples lay them out.

    Shape:
        - Input: ``(batch, features)`` and ``(batch, other features)``, as many for ``projection``
        - Output: ``()``, 0 where both agree; 0 as well for fewer than two examples
    """
    if len(student) < 2:
        return student.sum() * 0
    student, teacher = student.float(), teacher.float()
    if kind == "projection":
        return 1 - F.cosine_similarity(student, teacher, dim=1).mean()
    if kind == "cosine_difference":
        return (_cosine_distances(student) - _cosine_distances(teacher)).square().mean()
    return 1 - distance_correlation(student, teacher)


def distance_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return the distance correlation of two embeddings of the same examples.

    Shape:
        - Input: ``(batch, features)`` and ``(batch, other features)``
        - Output: ``()``, between 0, independent, and 1, alike but for scale and rotation

    Source: Szekely et al., "Measuring and testing dependence by correlation of distances" (2007).
    """
    one, other = _centred_distances(first), _centred_distances(second)
    variances = one.square().mean() * other.square().mean()
    squared = (one * other).mean().clamp(min=_TINY) / variances.clamp(min=_TINY**2).sqrt()
    return squared.clamp(min=_TINY).sqrt()


def _centred_distances(values: Tensor) -> Tensor:
    difference = values[:, None] - values[None]
    distances = (difference.square().sum(dim=2) + _TINY).sqrt()
    rows, columns = distances.mean(dim=0, keepdim=True), distances.mean(dim=1, keepdim=True)
    return distances - rows - columns + distances.mean()


def _cosine_distances(values: Tensor) -> Tensor:
    unit = F.normalize(values, dim=1)
    return 1 - unit @ unit.T
