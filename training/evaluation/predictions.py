"""What a model says of all windows of all clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from earmark.models.calibration import Calibration
from earmark.models.heads import N_SUBSETS
from earmark.models.timebase import WINDOW_SAMPLES

from ..data.training_set import WINDOWS_AT_ONCE, places_of, window_batches
from .model import Model


@dataclass(frozen=True)
class Predictions:
    """Probabilities of windows, calibrated where nothing else is said.

    Args:
        subsets: (subsets, windows, tags) of the head of each subset; the last is of all branches.
        branches: (windows, branches, tags) of the branches' own classifiers.
        uncalibrated: (windows, tags) of all branches, the plain sigmoid of the head's logits.
        clips: (windows,) index of each window's clip.
    """

    subsets: NDArray[np.float32]
    branches: NDArray[np.float32]
    uncalibrated: NDArray[np.float32]
    clips: NDArray[np.int64]

    def clip_means(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean over each clip's windows, (clips, tags) of (windows, tags)."""
        count = np.bincount(self.clips)
        sums = np.zeros((len(count), windows.shape[1]))
        np.add.at(sums, self.clips, windows)
        return np.asarray(sums / count[:, None], np.float32)


@torch.inference_mode()
def predict(
    model: Model,
    waveforms: Sequence[NDArray[np.float32]],
    *,
    hop_samples: int = WINDOW_SAMPLES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Run a model on clips, in the windows that a file would be cut into.

    Args:
        model: To be measured.
        waveforms: (samples,) float32 at 16 kHz, at least one sample each.
        hop_samples: Distance between windows.
        progress: Told windows done and windows in all.
    """
    places = places_of(waveforms, hop_samples)
    subsets, branches = [], []
    for windows in window_batches(waveforms, places):
        batch = torch.from_numpy(windows).to(model.device)
        outputs = [branch(batch) for branch in model.branches.values()]
        joint = torch.cat([embedding for embedding, _ in outputs], dim=1)
        subsets.append(model.head.subsets(joint).cpu().numpy())
        branches.append(torch.stack([logits for _, logits in outputs], dim=1).cpu().numpy())
        progress(min(len(branches) * WINDOWS_AT_ONCE, len(places)), len(places))
    logits = np.concatenate(subsets, axis=1)
    return Predictions(
        subsets=_calibrated(logits, model.calibration),
        branches=model.calibration.branches(np.concatenate(branches)),
        uncalibrated=Calibration.neutral(logits.shape[2]).combined(logits[-1]),
        clips=np.array([clip for clip, _ in places]),
    )


@torch.inference_mode()
def embed(
    model: Model,
    windows: Sequence[NDArray[np.float32]],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:
    """Return the embeddings of windows of (16000,), the branches' side by side."""
    found = []
    for first in range(0, len(windows), WINDOWS_AT_ONCE):
        batch = torch.from_numpy(np.stack(windows[first : first + WINDOWS_AT_ONCE]))
        outputs = [branch(batch.to(model.device)) for branch in model.branches.values()]
        found.append(torch.cat([embedding for embedding, _ in outputs], dim=1).cpu().numpy())
        progress(min(first + WINDOWS_AT_ONCE, len(windows)), len(windows))
    return np.concatenate(found)


def _calibrated(logits: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    # Every subset's head is read like the head of all: rankings do not depend on it.
    return np.stack([calibration.combined(logits[subset]) for subset in range(N_SUBSETS)])
