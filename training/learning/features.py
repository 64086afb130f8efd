"""Front-end features that do not change while an encoder learns: computed once, kept on disk."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from earmark.models.branch import Branch, n_blocks
from earmark.models.timebase import WINDOW_SAMPLES

from ..data.training_set import TrainingSet

# A front end that needs whole windows is computed at this distance, others block by block.
_WINDOW_HOP = 4_000  # samples, 250 ms

_BLOCKS_AT_ONCE = 640


@dataclass(frozen=True)
class FeatureStore:
    """The tokens of every block of every clip.

    Args:
        tokens: (blocks of all clips, tokens of a block, features).
        first: (clips + 1,) index of each clip's first block.
        blocks_per_window: Consecutive blocks that make a window.
    """

    tokens: NDArray[np.generic]
    first: NDArray[np.int64]
    blocks_per_window: int

    def windows(
        self, clips: NDArray[np.int64], positions: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return the tokens of windows.

        Args:
            clips: (n,) indices of clips.
            positions: (n,) between 0, the earliest window of the clip, and 1, the latest.

        Returns:
            (n, tokens of a window, features) float32.
        """
        spare = self.first[clips + 1] - self.first[clips] - self.blocks_per_window
        start = self.first[clips] + np.rint(positions * spare).astype(np.int64)
        index = start[:, None] + np.arange(self.blocks_per_window)
        tokens = self.tokens[index]  # (n, blocks, tokens of a block, features)
        return np.asarray(tokens.reshape(len(clips), -1, tokens.shape[-1]), np.float32)


def compute_features(
    branch: Branch,
    training_set: TrainingSet,
    *,
    folder: Path,
    device: torch.device,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FeatureStore:
    """Return the features of a branch's frozen front end, from disk where they are known.

    Args:
        branch: In evaluation mode; only its front end is used.
        training_set: Clips.
        folder: Where features are kept, under a name that depends on front end and clips.
        device: Where the front end runs; the branch is moved there.
        progress: Told clips done and clips in all.
    """
    block, per_window = branch.block_samples, n_blocks(branch)
    hop = _WINDOW_HOP if per_window == 1 else block
    padded = [_padded(w, block) for w in training_set.waveforms]
    counts = [(len(w) - block) // hop + 1 for w in padded]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    path = folder / f"{_fingerprint(branch, training_set)}.npy"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.tmp.npy")
        _write_tokens(beside, branch, padded, hop=hop, device=device, progress=progress)
        os.replace(beside, path)
    return FeatureStore(tokens=np.load(path), first=first, blocks_per_window=per_window)


def _padded(waveform: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    wanted = max(len(waveform), WINDOW_SAMPLES)
    wanted += -wanted % block if block < WINDOW_SAMPLES else 0
    return np.pad(waveform, (0, wanted - len(waveform)))


@torch.inference_mode()
def _write_tokens(
    path: Path,
    branch: Branch,
    waveforms: list[NDArray[np.float32]],
    *,
    hop: int,
    device: torch.device,
    progress: Callable[[int, int], None],
) -> None:
    branch = branch.to(device).eval()
    found = []
    for i, waveform in enumerate(waveforms):
        blocks = torch.from_numpy(waveform).unfold(0, branch.block_samples, hop)
        for part in blocks.split(_BLOCKS_AT_ONCE):
            tokens = branch.tokens(part.to(device)).cpu().numpy()
            is_binary = branch.block_samples == WINDOW_SAMPLES
            found.append(tokens.astype(np.uint8 if is_binary else np.float16))
        progress(i + 1, len(waveforms))
    np.save(path, np.concatenate(found))


def _fingerprint(branch: Branch, training_set: TrainingSet) -> str:
    digest = hashlib.sha256(str(branch.block_samples).encode())
    for name, value in branch.front_end.state_dict().items():
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    for waveform in training_set.waveforms:
        digest.update(waveform.tobytes())
    return digest.hexdigest()[:24]
