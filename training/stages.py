"""What each stage of a training trains, on what."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earmark.models.branches import Branch
from earmark.models.frontends.neuralogram import NeuralogramFrontEnd
from earmark.models.timebase import CHUNK_SAMPLES, CHUNKS_PER_WINDOW

from .augment import mixup, random_gain
from .features import FeatureStore
from .loop import Batch, Epoch
from .metrics import mean_average_precision
from .recipe import StageSettings
from .training_set import TrainingSet, draw_windows

_VALIDATION_WINDOWS = 4  # of each clip, evenly spread over it


class MobileNetTagger(nn.Module):
    """The front end of the neuralogram as a tagger of its own, so that it learns to hear.

    Args:
        front_end: Features of each 100 ms chunk; a window's are their mean.
        n_tags: Outputs.
        dropout: On the mean features.

    Shape:
        - Input: ``(batch, 16000)``
        - Output: logits ``(batch, n_tags)``
    """

    def __init__(self, front_end: NeuralogramFrontEnd, n_tags: int, dropout: float) -> None:
        super().__init__()
        self.front_end = front_end
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(front_end.n_features, n_tags)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the logits of each window."""
        features = self.front_end(waveform.reshape(-1, CHUNK_SAMPLES))
        features = features.reshape(len(waveform), CHUNKS_PER_WINDOW, -1).mean(dim=1)
        logits: Tensor = self.classifier(self.dropout(features))
        return logits


class BranchOnWaveforms(nn.Module):
    """A whole branch, front end included, from waveform to logits."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the logits ``(batch, n_tags)`` of ``(batch, 16000)``."""
        logits: Tensor = self.branch(waveform)[1]
        return logits


class BranchOnTokens(nn.Module):
    """What lies behind a branch's frozen front end, from tokens to logits."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.encoder = branch.encoder
        self.classifier = branch.classifier

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits ``(batch, n_tags)`` of ``(batch, n_tokens, features)``."""
        logits: Tensor = self.classifier(self.encoder(tokens))
        return logits


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
        training_set: Clips and their targets.
        inputs: Cuts windows or gathers their tokens.
        settings: Batch size and augmentation.
        is_waveform: Whether ``inputs`` are waveforms, which can change in level.
        shard: Index of this process; each takes its own part of every batch of all.
        shards: Number of processes.
    """
    n_batches = batches_per_epoch(training_set, settings, shards=shards)

    def epoch(generator: np.random.Generator) -> Iterator[Batch]:
        draw = draw_windows(training_set, settings, generator)
        size = settings.batch_size * shards
        for i in range(n_batches):
            chosen = slice(i * size + shard, min((i + 1) * size, len(draw.clips)), shards)
            clips = draw.clips[chosen]
            batch = torch.from_numpy(inputs(clips, draw.positions[chosen]))
            targets = torch.from_numpy(training_set.targets[clips])
            if is_waveform and settings.gain_db:
                batch = random_gain(batch, gain_db=settings.gain_db, generator=generator)
            if settings.mixup:
                batch, targets = mixup(batch, targets, alpha=settings.mixup, generator=generator)
            yield batch, targets

    return epoch


def validation_of(
    training_set: TrainingSet, inputs: Inputs, device: torch.device
) -> Callable[[nn.Module], dict[str, float]]:
    """Return a function that measures a module on clips held out: clip mAP over their tags."""

    @torch.inference_mode()
    def validate(module: nn.Module) -> dict[str, float]:
        probabilities = []
        for clips in np.array_split(np.arange(len(training_set)), len(training_set) // 32 + 1):
            positions = np.tile(np.linspace(0, 1, _VALIDATION_WINDOWS), len(clips))
            batch = torch.from_numpy(inputs(np.repeat(clips, _VALIDATION_WINDOWS), positions))
            windows = torch.sigmoid(module(batch.to(device))).cpu()
            probabilities.append(windows.view(len(clips), _VALIDATION_WINDOWS, -1).mean(dim=1))
        found = torch.cat(probabilities).numpy()
        return {"map": mean_average_precision(found, training_set.targets)}

    return validate
