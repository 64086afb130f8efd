"""EfficientAT's mn04, a teacher: MobileNetV3 of width 0.4, trained on AudioSet by its authors.

Source: Schmid et al., "Efficient large-scale audio tagging via transformer-to-CNN knowledge
distillation" (2023); Howard et al., "Searching for MobileNetV3" (2019), table 1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from earmark.models.errors import CorpusError

#: Of the sound that it hears.
SAMPLE_RATE: Final = 32_000

_PRE_EMPHASIS = 0.97
_N_FFT, _WIN_LENGTH, _HOP_LENGTH = 1_024, 800, 320
_N_MELS, _F_MAX = 128, 15_000.0
_LAYERS = 16  # the last of them only widens
_HALVING = (2, 4, 7, 13)  # layers that halve the image
_HARDSWISH_FROM = 7
_EPS = 1e-3  # of the batch normalizations, as it was trained


class Mn04(nn.Module):
    """A log-mel image, MobileNetV3, and 527 classes of AudioSet.

    Args:
        weights: As its authors published them; they say how wide each layer is.

    Shape:
        - Input: ``(batch, samples)`` at 32 kHz, in [-1, 1], any length
        - Output: logits ``(batch, 527)`` and pooled features ``(batch, 384)``
    """

    mel: Tensor
    window: Tensor

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        n_channels, n_features = (len(weights[f"features.{i}.0.weight"]) for i in (0, _LAYERS))
        blocks = [_InvertedResidual(weights, i) for i in range(1, _LAYERS)]
        n_last = weights[f"features.{_LAYERS}.0.weight"].shape[1]
        self.features = nn.Sequential(
            _convolution(1, n_channels, kernel=3, stride=2, activation=nn.Hardswish),
            *blocks,
            _convolution(n_last, n_features, kernel=1, activation=nn.Hardswish),
        )
        n_classes, n_hidden = weights["classifier.5.weight"].shape
        self.classifier = nn.Sequential(
            nn.Identity(),
            nn.Identity(),
            nn.Linear(n_features, n_hidden),
            nn.Hardswish(),
            nn.Identity(),
            nn.Linear(n_hidden, n_classes),
        )
        self.load_state_dict(weights)
        self.register_buffer("mel", _mel_bands(), persistent=False)
        window = torch.hann_window(_WIN_LENGTH, periodic=False)
        self.register_buffer("window", window, persistent=False)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and features of each recording."""
        emphasized = waveform[:, 1:] - _PRE_EMPHASIS * waveform[:, :-1]
        spectrum = torch.stft(
            emphasized, _N_FFT, _HOP_LENGTH, _WIN_LENGTH, self.window, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        image = ((self.mel @ power + 1e-5).log() + 4.5) / 5  # (batch, n_mels, frames)
        image = image[:, None].contiguous(memory_format=torch.channels_last)
        features: Tensor = self.features(image).mean(dim=(2, 3))
        return self.classifier(features), features


def read_mn04(path: Path) -> Mn04:
    """Read the published weights, in evaluation mode.

    Raises:
        CorpusError: If the file is missing or holds something else.
    """
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        return Mn04(weights).eval()
    except Exception as error:  # torch raises a dozen types for a spoiled file
        raise CorpusError(
            f"{path} does not hold mn04 ({error}); give the published mn04_as_mAP_432.pt"
        ) from error


class _InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, weigh the channels, narrow again."""

    def __init__(self, weights: Mapping[str, Tensor], layer: int) -> None:
        super().__init__()
        prefix = f"features.{layer}.block."
        activation = nn.Hardswish if layer >= _HARDSWISH_FROM else nn.ReLU
        n_parts = 1 + max(
            int(name.removeprefix(prefix).split(".")[0])
            for name in weights
            if name.startswith(prefix)
        )
        parts: list[nn.Module] = []
        for part in range(n_parts):
            squeeze = weights.get(f"{prefix}{part}.conc_se_layers.0.fc1.weight")
            if squeeze is not None:
                parts.append(_SqueezeExcitation(*reversed(squeeze.shape)))
                continue
            outputs, inputs, kernel, _ = weights[f"{prefix}{part}.0.weight"].shape
            is_depthwise = kernel > 1
            parts.append(
                _convolution(
                    outputs if is_depthwise else inputs,
                    outputs,
                    kernel=kernel,
                    stride=2 if is_depthwise and layer in _HALVING else 1,
                    groups=outputs if is_depthwise else 1,
                    activation=None if part == n_parts - 1 else activation,
                )
            )
        self.block = nn.Sequential(*parts)

    def forward(self, image: Tensor) -> Tensor:
        changed: Tensor = self.block(image)
        return image + changed if changed.shape == image.shape else changed


class _SqueezeExcitation(nn.Module):
    """Weigh each channel by what all of them hold on average."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        # A list of one, for the published names of the weights.
        self.conc_se_layers = nn.Sequential(_Excitation(channels, squeezed))

    def forward(self, image: Tensor) -> Tensor:
        weights: Tensor = self.conc_se_layers(image.mean(dim=(2, 3)))
        return image * weights[:, :, None, None]


class _Excitation(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, means: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(F.relu(self.fc1(means))))


def _convolution(
    inputs: int,
    outputs: int,
    *,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=_EPS),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def _mel_bands() -> Tensor:
    """Return Kaldi's triangular bands, ``(n_mels, 1 + n_fft / 2)``."""
    from torchaudio.compliance.kaldi import get_mel_banks

    # The warping of voices (100, -500, 1) changes nothing at a factor of 1.
    bands, _ = get_mel_banks(_N_MELS, _N_FFT, float(SAMPLE_RATE), 0.0, _F_MAX, 100.0, -500.0, 1.0)
    return F.pad(bands, (0, 1))
