"""Neuralogram: what an image network sees in each tenth of a second."""

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from earmark.models.config import NeuralogramConfig
from earmark.models.mobilenet import MobileNetV1
from earmark.models.timebase import CHUNK_SAMPLES, SAMPLE_RATE

_FLOOR = 1e-6  # of mel power, about -100 dB of a full-scale tone


class LogMel(nn.Module):
    """Log-mel image of each chunk, by itself.

    Args:
        config: Bands, range and frames.

    Shape:
        - Input: ``(blocks, 1600)``
        - Output: ``(blocks, 1, n_mels, 1 + 1600 // hop_length)``, natural log of mel power
    """

    def __init__(self, config: NeuralogramConfig) -> None:
        super().__init__()
        self.floor = _FLOOR
        self.mel = MelSpectrogram(
            sample_rate=SAMPLE_RATE,
            n_fft=config.n_fft,
            win_length=config.win_length,
            hop_length=config.hop_length,
            f_min=config.f_min,
            f_max=config.f_max,
            n_mels=config.n_mels,
        )

    def forward(self, blocks: Tensor) -> Tensor:
        """Return the image of each chunk."""
        mel: Tensor = self.mel(blocks)
        return torch.log(mel + self.floor)[:, None]


class NeuralogramFrontEnd(nn.Module):
    """MobileNet features of each 100 ms chunk; stacked, they are the neuralogram.

    Args:
        config: Log-mel image and width of the network.

    Shape:
        - Input: ``(blocks, 1600)``, each block one chunk
        - Output: ``(blocks, 1, 1024 * width)``
    """

    block_samples: int = CHUNK_SAMPLES

    def __init__(self, config: NeuralogramConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(config)
        # Bands differ in level by far more than sounds do.
        self.band_norm = nn.BatchNorm1d(config.n_mels)
        self.mobilenet = MobileNetV1(width=config.width)
        self.n_features = self.mobilenet.n_features

    def forward(self, blocks: Tensor) -> Tensor:
        """Return the features of each chunk."""
        image = self.log_mel(blocks)
        image = self.band_norm(image[:, 0])[:, None]
        # Channels last is what depthwise convolutions run fastest on.
        features: Tensor = self.mobilenet(image.contiguous(memory_format=torch.channels_last))
        return features[:, None]
