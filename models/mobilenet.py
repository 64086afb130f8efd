"""MobileNetV1, the image network behind the neuralogram."""

from typing import Final

import torch
import torch.nn.functional as F
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
        # As rows: of a mean over two dimensions the gradient would not be laid out channels last.
        return features.permute(0, 2, 3, 1).flatten(1, 2).mean(dim=1)


class PointwiseConv2d(nn.Conv2d):
    """A convolution whose kernel is one position: a product of the channels at each.

    Said as a product, it is up to five times faster on a processor where an image has but a few
    positions left, forward and backward.

    Shape:
        - Input: ``(batch, in_channels, height, width)``
        - Output: ``(batch, out_channels, height, width)``, channels last
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name it has in torch
        """Return the convolved image."""
        rows = input.permute(0, 2, 3, 1)
        return F.linear(rows, self.weight.flatten(1)).permute(0, 3, 1, 2)


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of each channel by itself, in float32 under mixed precision too.

    It has few products, so half the digits save little, and a processor has no fast way to
    differentiate it in bfloat16 where it skips positions.

    Shape:
        - Input: ``(batch, channels, height, width)``
        - Output: ``(batch, channels, height / stride, width / stride)``
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name it has in torch
        """Return the convolved image."""
        if not torch.jit.is_scripting() and input.dtype == torch.bfloat16:  # type: ignore[attr-defined]
            return self._in_float32(input)
        convolved: Tensor = self._conv_forward(input, self.weight, self.bias)
        return convolved

    @torch.jit.unused
    def _in_float32(self, image: Tensor) -> Tensor:
        with torch.autocast(image.device.type, enabled=False):
            convolved: Tensor = self._conv_forward(image.float(), self.weight, self.bias)
        return convolved.to(image.dtype)


def _convolution(
    inputs: int, outputs: int, *, kernel: int, stride: int, depthwise: bool = False
) -> nn.Sequential:
    kind = DepthwiseConv2d if depthwise else PointwiseConv2d if kernel == 1 else nn.Conv2d
    return nn.Sequential(
        kind(
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
