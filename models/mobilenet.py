"""MobileNetV1, the image network behind the neuralogram."""

from typing import Final

import torch
from torch import Tensor, nn

# (channels, stride) of the thirteen depthwise separable layers.
_LAYERS: Final = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1),
    (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class MobileNetV1(nn.Module):
    """Depthwise separable convolutions, pooled to one vector an image.

    Args:
        in_channels: Channels of the image; 1 for a spectrogram.
        width: Multiplies the channels of each layer.

    Shape:
        - Input: ``(batch, in_channels, height, width)``
        - Output: ``(batch, 1024 * width)``

    Source: Howard et al., "MobileNets" (2017), table 1, without its classifier.
    """

    def __init__(self, in_channels: int = 1, width: float = 1.0) -> None:
        super().__init__()
        channels = round(32 * width)
        layers: list[nn.Module] = [_convolution(in_channels, channels, kernel=3, stride=2)]
        for wanted, stride in _LAYERS:
            wider = round(wanted * width)
            layers.append(_convolution(channels, channels, kernel=3, stride=stride, depthwise=True))
            layers.append(_convolution(channels, wider, kernel=1, stride=1))
            channels = wider
        self.layers = nn.Sequential(*layers)
        self.n_features = channels
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch has it

    def forward(self, image: Tensor) -> Tensor:
        """Return the pooled features of each image."""
        features: Tensor = self.layers(image)  # (batch, 1024, height / 32, width / 32)
        return features.mean(dim=(2, 3))


def _convolution(
    inputs: int, outputs: int, *, kernel: int, stride: int, depthwise: bool = False
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=inputs if depthwise else 1,
            bias=False,  # the normalization that follows has one
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )
