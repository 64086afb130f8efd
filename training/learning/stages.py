"""What each stage of a training trains, on what."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earmark.models.branch import Branch
from earmark.models.frontends.neuralogram import NeuralogramFrontEnd
from earmark.models.timebase import CHUNK_SAMPLES

from ..data.training_set import TrainingSet, draw_windows
from ..metrics import mean_average_precision
from ..recipe import StageSettings
from .augment import add_background, masked, mixup, random_filter, random_gain
from .features import FeatureStore
from .loop import Batch, Epoch
from .losses import Heard

# The linear classifier learns so many times faster than its weights alone would let it: it has to
# follow an embedding that the classifier beside it, 2048 wide, moves.
_LINEAR_GAIN = 10.0

#: The branches whose front end learns with the encoder; the others' are frozen.
END_TO_END: Final = ("waveform",)

_VALIDATION_WINDOWS = 4  # of each clip, evenly spread over it


class MobileNetTagger(nn.Module):
    """The front end of the neuralogram as a tagger of its own, so that it learns to hear.

    Args:
        front_end: Features of each 100 ms chunk; a window's are their mean.
        n_tags: Outputs.
        dropout: On the mean features.
        masking: Share of the images of each window that is left out while training.
        image_chunks: Chunks that are one image while training; heard is one at a time.
        n_projected: Features of a teacher that the mean features are mapped to; 0: as they are.

    Shape:
        - Input: ``(batch, 16000)``
        - Output: logits ``(batch, n_tags)``, twice, and the mean features
    """

    def __init__(
        self,
        front_end: NeuralogramFrontEnd,
        n_tags: int,
        *,
        dropout: float,
        masking: float,
        image_chunks: int,
        n_projected: int,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(front_end.n_features, n_tags)
        self.projection = projection(front_end.n_features, n_projected)
        self.masking = masking
        self.image_chunks = image_chunks

    def forward(self, waveform: Tensor) -> Heard:
        """Return what is heard in each window."""
        image_chunks = self.image_chunks if self.training else 1
        images = waveform.reshape(len(waveform), -1, image_chunks * CHUNK_SAMPLES)
        n_kept = max(1, round((1 - self.masking) * images.shape[1]))
        if self.training and n_kept < images.shape[1]:
            kept = torch.rand(images.shape[:2]).argsort(dim=1)[:, :n_kept]
            images = images[torch.arange(len(images))[:, None], kept.to(images.device)]
        features = self.front_end(images.flatten(0, 1))
        features = features.reshape(len(waveform), images.shape[1], -1).mean(dim=1)
        logits = self.classifier(self.dropout(features))
        return Heard(logits, logits, self.projection(features))


class BranchTagger(nn.Module):
    """A branch with a linear classifier on its embedding beside its own.

    The head of all branches is linear: what an embedding does not say in a linear way, it does not
    hear. The classifier is left behind when the branch is finished.

    Args:
        branch: To train. Its front end learns too if it is the waveform's.
        n_tags: Outputs.
        masking: Share of the tokens and of the features that is hidden while training, at most.
        learns_front_end: Whether the front end learns as well.
        n_projected: Features of a teacher that the embedding is mapped to; 0: as it is.

    Shape:
        - Input: waveforms ``(batch, 16000)`` or tokens ``(batch, n_tokens, features)``
        - Output: logits ``(batch, n_tags)``, those of the linear classifier, and the embedding
    """

    def __init__(
        self,
        branch: Branch,
        n_tags: int,
        *,
        masking: float,
        learns_front_end: bool,
        n_projected: int,
    ) -> None:
        super().__init__()
        self.branch = branch
        self.masking = masking
        self.learns_front_end = learns_front_end
        d_embedding = branch.encoder.project.out_features
        self.linear = nn.Linear(d_embedding, n_tags)
        # At random weights it would pull the embedding about before it knows anything.
        nn.init.zeros_(self.linear.weight)
        self.projection = projection(d_embedding, n_projected)
        branch.front_end.requires_grad_(learns_front_end)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen front end stays as it will be used."""
        super().train(mode)
        self.branch.front_end.train(mode and self.learns_front_end)
        return self

    def forward(self, inputs: Tensor) -> Heard:
        """Return what is heard in each window."""
        tokens = inputs if inputs.dim() == 3 else self._tokens(inputs)
        if self.training and self.masking:
            tokens = masked(tokens, self.masking)
        embedding, logits = self.branch.encode(tokens)
        linear = _LINEAR_GAIN * self.linear(embedding)
        return Heard(logits, linear, self.projection(embedding))

    def _tokens(self, waveform: Tensor) -> Tensor:
        with torch.set_grad_enabled(self.learns_front_end and torch.is_grad_enabled()):
            tokens = self.branch.tokens(waveform.reshape(-1, self.branch.block_samples))
        return tokens.reshape(len(waveform), -1, tokens.shape[2])


def projection(n_features: int, n_projected: int) -> nn.Module:
    """Return a linear map from a student's features to a teacher's, or none for 0 of them."""
    return nn.Linear(n_features, n_projected) if n_projected else nn.Identity()


Inputs = Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.float32]]


def windows_of(training_set: TrainingSet) -> Inputs:
    """Return a function that cuts waveform windows, (n, 16000)."""

    def inputs(clips: NDArray[np.int64], positions: NDArray[np.float64]) -> NDArray[np.float32]:
        cut = zip(clips, positions, strict=True)
        return np.stack([training_set.window(int(clip), float(at)) for clip, at in cut])

    return inputs


def tokens_of(store: FeatureStore) -> Inputs:
    """Return a function that gathers the tokens of windows, (n, tokens, features)."""
    return store.windows


def batches_per_epoch(training_set: TrainingSet, settings: StageSettings, *, shards: int) -> int:
    """Return how many whole batches an epoch has for each of ``shards`` processes."""
    windows = settings.windows_per_epoch or training_set.seconds
    return max(1, windows // (settings.batch_size * shards))


def epoch_of(
    training_set: TrainingSet,
    inputs: Inputs,
    settings: StageSettings,
    *,
    is_waveform: bool,
    shard: int,
    shards: int,
) -> Epoch:
    """Return a function that gives the batches of an epoch.

    Args:
        training_set: Clips and what they teach.
        inputs: Cuts windows or gathers their tokens.
        settings: Batch size and augmentation.
        is_waveform: Whether ``inputs`` are waveforms, which can be changed as sounds are.
        shard: Index of this process; each takes its own part of every batch of all.
        shards: Number of processes.
    """
    n_batches = batches_per_epoch(training_set, settings, shards=shards)
    untagged = np.flatnonzero(training_set.targets.sum(axis=1) == 0)

    def changed(batch: Tensor, generator: np.random.Generator) -> Tensor:
        if settings.gain_db:
            batch = random_gain(batch, gain_db=settings.gain_db, generator=generator)
        if settings.background and len(untagged):
            under = inputs(generator.choice(untagged, len(batch)), generator.random(len(batch)))
            batch = add_background(
                batch, torch.from_numpy(under), share=settings.background, generator=generator
            )
        if settings.filter_db:
            batch = random_filter(batch, filter_db=settings.filter_db, generator=generator)
        return batch

    def epoch(generator: np.random.Generator) -> Iterator[Batch]:
        draw = draw_windows(training_set, settings, generator)
        size = settings.batch_size * shards
        for i in range(n_batches):
            chosen = slice(i * size + shard, min((i + 1) * size, len(draw.clips)), shards)
            clips, positions = draw.clips[chosen], draw.positions[chosen]
            batch = torch.from_numpy(inputs(clips, positions))
            lessons = torch.from_numpy(
                training_set.lessons(clips, positions, settings.distillation)
            )
            if is_waveform:
                batch = changed(batch, generator)
            if settings.mixup:
                batch, lessons = mixup(batch, lessons, alpha=settings.mixup, generator=generator)
            yield batch, lessons

    return epoch


def own_and_linear(heard: Heard) -> dict[str, Tensor]:
    """Return the logits of a part that learns by itself, and those of its linear classifier."""
    return {"map": heard.logits, "linear_map": heard.linear}


def validation_of(
    training_set: TrainingSet,
    inputs: Inputs,
    device: torch.device,
    answers: Callable[[Any], dict[str, Tensor]],
) -> Callable[[nn.Module], dict[str, float]]:
    """Return a function that measures a module on clips held out: clip mAP over their tags.

    Args:
        training_set: The clips.
        inputs: Cuts windows or gathers their tokens.
        device: Where the module is.
        answers: Which logits (windows, tags) of its output are measured, each under a name.
    """

    @torch.inference_mode()
    def validate(module: nn.Module) -> dict[str, float]:
        by_clip: dict[str, list[Tensor]] = {}
        for clips in np.array_split(np.arange(len(training_set)), len(training_set) // 32 + 1):
            positions = np.tile(np.linspace(0, 1, _VALIDATION_WINDOWS), len(clips))
            batch = torch.from_numpy(inputs(np.repeat(clips, _VALIDATION_WINDOWS), positions))
            for name, logits in answers(module(batch.to(device))).items():
                windows = torch.sigmoid(logits).cpu().view(len(clips), _VALIDATION_WINDOWS, -1)
                by_clip.setdefault(name, []).append(windows.mean(dim=1))
        return {
            name: mean_average_precision(torch.cat(found).numpy(), training_set.targets)
            for name, found in by_clip.items()
        }

    return validate
