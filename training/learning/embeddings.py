"""What the finished branches make of many windows: the input of the head and the calibration."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from earmark.models.tagger import Tagger
from earmark.models.timebase import WINDOW_SAMPLES

from ..data.training_set import WINDOWS_AT_ONCE, TrainingSet, places_of, window_batches
from ..recipe import StageSettings
from .stages import batches_per_epoch, epoch_of, windows_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of windows, with what is known of them.

    Args:
        embeddings: (windows, branches x d_model).
        branch_logits: (windows, branches, tags).
        targets: (windows, tags).
        clips: (windows,) index of each window's clip; of a mixture, its own.
    """

    embeddings: Tensor
    branch_logits: Tensor
    targets: Tensor
    clips: Tensor


@torch.inference_mode()
def _embed(tagger: Tagger, windows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    embeddings, logits = zip(
        *(b(windows.to(device)) for b in tagger.branches.values()), strict=True
    )
    return torch.cat(embeddings, dim=1).cpu(), torch.stack(logits, dim=1).cpu()


def embed_windows(
    tagger: Tagger,
    training_set: TrainingSet,
    *,
    device: torch.device,
    progress: Progress,
) -> Embeddings:
    """Return the embeddings of each second of each clip, as a file would be tagged."""
    places = places_of(training_set.waveforms, WINDOW_SAMPLES)
    found: list[tuple[Tensor, Tensor]] = []
    for windows in window_batches(training_set.waveforms, places):
        found.append(_embed(tagger, torch.from_numpy(windows), device))
        progress(min(len(found) * WINDOWS_AT_ONCE, len(places)), len(places))
    clips = [clip for clip, _ in places]
    return Embeddings(
        embeddings=torch.cat([e for e, _ in found]),
        branch_logits=torch.cat([logits for _, logits in found]),
        targets=torch.from_numpy(training_set.targets[np.array(clips)]),
        clips=torch.tensor(clips),
    )


def mixed_embeddings(
    tagger: Tagger,
    training_set: TrainingSet,
    settings: StageSettings,
    *,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> Embeddings:
    """Return the embeddings of one epoch of windows, augmented as the settings say.

    The branches have learned the clips by heart, the mixtures of two clips they have not: what a
    head learns from mixtures holds for new sounds as well.
    """
    # Batches of another size would be other mixtures, but no others to learn from.
    settings = replace(settings, batch_size=WINDOWS_AT_ONCE)
    epoch = epoch_of(
        training_set, windows_of(training_set), settings, is_waveform=True, shard=0, shards=1
    )
    total = batches_per_epoch(training_set, settings, shards=1)
    found, targets = [], []
    for i, (batch, lessons) in enumerate(epoch(np.random.default_rng([seed, total]))):
        found.append(_embed(tagger, batch, device))
        targets.append(lessons[:, : training_set.n_tags])
        progress(i + 1, total)
    return Embeddings(
        embeddings=torch.cat([e for e, _ in found]),
        branch_logits=torch.cat([logits for _, logits in found]),
        targets=torch.cat(targets),
        clips=torch.arange(sum(len(part) for part in targets)),
    )
