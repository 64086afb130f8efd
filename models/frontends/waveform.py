"""Waveform: learned filters, end to end."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from earmark.models.config import WaveformConfig
from earmark.models.timebase import FRAME_SAMPLES

# -60 dB of full scale: below it a response counts as silence.
_FLOOR = 1e-3

# Neighbouring positions computed in one product: the filters alone are too narrow to fill one.
_PHASES = 4

# Frames taken at once: their responses stay in the processor's cache.
_FRAMES_AT_ONCE = 32


class WaveformFrontEnd(nn.Module):
    """The loudest response of each learned filter in each frame, by itself.

    Args:
        config: Number and length of the filters.

    Shape:
        - Input: ``(blocks, 400)``, each block one frame
        - Output: ``(blocks, 1, n_filters)``

    Source: Verma and Berger, "Audio Transformers" (2021), end-to-end front end.
    """

    block_samples: int = FRAME_SAMPLES

    def __init__(self, config: WaveformConfig) -> None:
        super().__init__()
        self.n_features = config.n_filters
        self.filter_samples = config.filter_samples
        self.log_compression = config.log_compression
        # TorchScript sees attributes but no module constants.
        self.floor = _FLOOR
        self.phases = _PHASES
        self.frames_at_once = _FRAMES_AT_ONCE
        scale = 1 / math.sqrt(config.filter_samples)
        self.filters = nn.Parameter(torch.randn(config.n_filters, config.filter_samples) * scale)

    def forward(self, blocks: Tensor) -> Tensor:
        """Return the maximum of each filter over each frame."""
        # Zero padded to the same length: a frame begins and ends in silence, not in its neighbour.
        left = (self.filter_samples - 1) // 2
        padded = F.pad(blocks, (left, self.filter_samples - 1 - left))
        kernel = self._kernel()
        if not torch.jit.is_scripting() and torch.is_grad_enabled():  # type: ignore[attr-defined]
            loudest = self._differentiable_maximum(padded, kernel.detach())
        else:
            found = [
                self._responses(part, kernel).amax(dim=1)
                for part in padded.split(self.frames_at_once)
            ]
            loudest = torch.cat(found)
        if self.log_compression:
            loudest = torch.log(F.relu(loudest) + self.floor)
        return loudest[:, None]

    def _kernel(self) -> Tensor:
        """Return the filters at neighbouring positions, ``(segment, phases x n_filters)``."""
        shifted = torch.stack(
            [F.pad(self.filters, (r, self.phases - 1 - r)) for r in range(self.phases)]
        )
        return shifted.permute(2, 0, 1).flatten(1).contiguous()

    def _responses(self, padded: Tensor, kernel: Tensor) -> Tensor:
        """Return the responses ``(blocks, 400, n_filters)``."""
        segments = padded.unfold(1, kernel.shape[0], self.phases)
        # Laid out in a row first: a product of overlapping rows is several times slower.
        rows = segments.reshape(-1, kernel.shape[0])
        return torch.matmul(rows, kernel).view(padded.shape[0], -1, self.n_features)

    @torch.jit.unused
    def _differentiable_maximum(self, padded: Tensor, kernel: Tensor) -> Tensor:
        # A maximum passes its gradient to one position. Finding that position needs no gradient
        # and three digits; the response there is one product, 400 times less to differentiate.
        digits = torch.bfloat16 if _computes_bfloat16(kernel.device) else kernel.dtype
        rough_kernel = kernel.to(digits)
        segments = padded.unfold(1, self.filter_samples, 1)  # (blocks, 400, filter_samples)
        loudest = []
        for part, within in zip(
            padded.split(self.frames_at_once), segments.split(self.frames_at_once), strict=True
        ):
            with torch.no_grad():
                rough = self._responses(part.to(digits), rough_kernel)
                # max, not argmax: it runs twice as fast on half-precision numbers.
                position = rough.max(dim=1).indices
            block = torch.arange(part.shape[0], device=part.device)[:, None]
            loudest.append(torch.einsum("bfk,fk->bf", within[block, position], self.filters))
        return torch.cat(loudest)


def _computes_bfloat16(device: torch.device) -> bool:
    """Return whether products in bfloat16 are as fast as in float32, not emulated."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
