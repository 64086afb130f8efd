"""Pitch: where the peaks of a constant-Q transform lie, and nothing else."""

from typing import List

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from earmark.models.config import PitchConfig
from earmark.models.constant_q import constant_q_kernels
from earmark.models.timebase import FRAME_SAMPLES, FRAMES_PER_WINDOW, WINDOW_SAMPLES


class ConstantQ(nn.Module):
    """Magnitudes of a constant-Q transform, centred frames over zero-padded windows.

    Args:
        config: Range and resolution.

    Shape:
        - Input: ``(batch, 16000)``
        - Output: ``(batch, 40, n_bins)``, frames by bins, from low to high
    """

    kernels: Tensor
    lengths: List[int]

    def __init__(self, config: PitchConfig) -> None:
        super().__init__()
        kernels = constant_q_kernels(config)
        self.lengths = [group.shape[-1] for group in kernels]
        self.margin = max(self.lengths) // 2
        # TorchScript sees attributes but no module constants.
        self.frame_samples = FRAME_SAMPLES
        self.n_frames = FRAMES_PER_WINDOW
        # One flat buffer: a list of buffers cannot be indexed in TorchScript.
        flat = [torch.from_numpy(group).T.contiguous() for group in kernels]
        stacked = [torch.cat([group.real, group.imag], dim=1).flatten() for group in flat]
        self.sizes: List[int] = [2 * group.shape[0] for group in kernels]
        self.register_buffer("kernels", torch.cat(stacked))

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the magnitude of each bin in each frame."""
        padded = F.pad(waveform, (self.margin, self.margin))
        groups: List[Tensor] = []
        offset = 0
        for length, size in zip(self.lengths, self.sizes):
            kernel = self.kernels[offset : offset + length * size].view(length, size)
            offset += length * size
            start = self.margin - length // 2
            frames = padded[:, start:].unfold(1, length, self.frame_samples)
            frames = frames[:, : self.n_frames]  # (batch, 40, length)
            products = torch.matmul(frames, kernel)  # (batch, 40, 2 x bins): real, imaginary
            real, imaginary = products[..., : size // 2], products[..., size // 2 :]
            groups.append(torch.sqrt(real * real + imaginary * imaginary))
        return torch.cat(groups, dim=2)


class PitchFrontEnd(nn.Module):
    """Binary map of the peaks of a window's constant-Q transform.

    A bin is a peak where it exceeds its two neighbours on either side and is at least the median
    of the whole window. Both are comparisons of magnitudes, so gain cannot change the map.

    Args:
        config: Range and resolution of the transform.

    Shape:
        - Input: ``(blocks, 16000)``
        - Output: ``(blocks, 40, n_bins)``, each 0 or 1
    """

    block_samples: int = WINDOW_SAMPLES

    def __init__(self, config: PitchConfig) -> None:
        super().__init__()
        self.constant_q = ConstantQ(config)
        self.n_features = config.n_bins

    def forward(self, blocks: Tensor) -> Tensor:
        """Return the peak map of each window."""
        return peak_map(self.constant_q(blocks))


def peak_map(magnitudes: Tensor) -> Tensor:
    """Mark the peaks of constant-Q magnitudes.

    Shape:
        - Input: ``(batch, frames, bins)``
        - Output: the same, 1 at a peak and 0 elsewhere
    """
    n_bins = magnitudes.shape[2]
    # Nothing lies beyond the ends, so an end bin can be a peak.
    padded = F.pad(magnitudes, (2, 2), value=-1.0)
    neighbours = torch.maximum(
        torch.maximum(padded[..., :n_bins], padded[..., 1 : n_bins + 1]),
        torch.maximum(padded[..., 3 : n_bins + 3], padded[..., 4:]),
    )
    values = magnitudes.flatten(1)
    # The upper of the two middle values: a value is at least their mean just if it is at least
    # the upper one, so the median of the logarithms needs no logarithm.
    median = values.kthvalue(values.shape[1] // 2 + 1, dim=1).values[:, None, None]
    return ((magnitudes > neighbours) & (magnitudes >= median)).to(magnitudes.dtype)
