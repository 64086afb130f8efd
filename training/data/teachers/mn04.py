"""mn04, a MobileNetV3 of width 0.4 that was distilled from transformers on AudioSet.

Source: Schmid, Koutini and Widmer, "Efficient large-scale audio tagging via
transformer-to-CNN knowledge distillation" (ICASSP 2023); the checkpoint ``mn04_as_mAP_432.pt`` of
their EfficientAT (MIT).
"""

import pickle
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earmark.models.errors import CorpusError
from earmark.models.timebase import SAMPLE_RATE

from .audioset import LARGEST_LOGIT, audioset_ids

_RATE: Final = 32_000  # Hz
_WIDTH: Final = 0.4
_PRE_EMPHASIS: Final = 0.97
_N_FFT: Final = 1024
_WIN_LENGTH: Final = 800
_HOP_LENGTH: Final = 320
_N_MELS: Final = 128
_F_MAX: Final = 15_000.0  # Hz
_LOG_FLOOR: Final = 1e-5

# Of kernel, channels inside, channels out, whether a gate, activation, stride: table 1 of Howard
# et al., "Searching for MobileNetV3" (2019).
_BLOCKS: Final = (
    (3, 16, 16, False, "RE", 1),
    (3, 64, 24, False, "RE", 2),
    (3, 72, 24, False, "RE", 1),
    (5, 72, 40, True, "RE", 2),
    (5, 120, 40, True, "RE", 1),
    (5, 120, 40, True, "RE", 1),
    (3, 240, 80, False, "HS", 2),
    (3, 200, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1),
    (3, 480, 112, True, "HS", 1),
    (3, 672, 112, True, "HS", 1),
    (5, 672, 160, True, "HS", 2),
    (5, 960, 160, True, "HS", 1),
    (5, 960, 160, True, "HS", 1),
)

# Seconds that go through the network together: more of them leave the processor's caches.
_SECONDS_AT_ONCE: Final = 16


class Mn04:
    """The teacher, asked about windows of a second or whole clips.

    Args:
        path: Of the state dict.

    Raises:
        CorpusError: If it is missing or is not this network's.
    """

    def __init__(self, path: Path) -> None:
        self._network = _read_network(path)
        self._log_mel = LogMel()

    @property
    def audioset_ids(self) -> tuple[str, ...]:
        """Of the 527 classes, in the order of the logits."""
        return audioset_ids()

    @torch.inference_mode()
    def logits(self, waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the teacher hears in each waveform as a whole.

        Args:
            waveforms: (n, samples) at 16 kHz; those shorter than a second are padded with zeros.

        Returns:
            (n, 527), within ``LARGEST_LOGIT`` of 0.
        """
        n, n_samples = waveforms.shape
        at_once = max(1, _SECONDS_AT_ONCE * SAMPLE_RATE // max(n_samples, SAMPLE_RATE))
        logits = np.empty((n, len(audioset_ids())), np.float32)
        for first in range(0, n, at_once):
            images = self._log_mel(torch.from_numpy(_resampled(waveforms[first : first + at_once])))
            logits[first : first + at_once] = self._network(images).numpy()
        return np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)


class LogMel(nn.Module):
    """The teacher's log-mel spectrogram.

    Shape:
        - Input: ``(batch, samples)`` at 32 kHz
        - Output: ``(batch, 1, 128, (samples - 1) // 320 + 1)``
    """

    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchaudio.compliance.kaldi import get_mel_banks

        filters, _ = get_mel_banks(
            _N_MELS,
            _N_FFT,
            float(_RATE),
            0.0,
            _F_MAX,
            vtln_low=100.0,
            vtln_high=-500.0,
            vtln_warp_factor=1.0,
        )
        self.register_buffer("window", torch.hann_window(_WIN_LENGTH, periodic=False))
        # Kaldi leaves out the bin at half the sample rate.
        self.register_buffer("filters", nn.functional.pad(filters, (0, 1)))

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the image of waveforms, scaled as in training."""
        emphasized = waveform[:, 1:] - _PRE_EMPHASIS * waveform[:, :-1]
        spectrum = torch.stft(
            emphasized, _N_FFT, _HOP_LENGTH, _WIN_LENGTH, self.window, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel = (self.filters @ power).add_(_LOG_FLOOR).log_()  # (batch, 128, frames)
        return log_mel.add_(4.5).div_(5)[:, None]


def _resampled(waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return waveforms at the teacher's rate.

    What a resampler leaves above 8 kHz decides how the upper mel bands look: with torchaudio's
    default filter the probabilities change by up to 0.3.
    """
    import soxr

    padding = max(0, SAMPLE_RATE - waveforms.shape[1])
    padded = np.pad(waveforms, ((0, 0), (0, padding)))
    return np.stack([soxr.resample(row, SAMPLE_RATE, _RATE, quality="HQ") for row in padded])


def _read_network(path: Path) -> nn.Module:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CorpusError(f"cannot read the teacher {path}: {error}") from error
    network = _untrained_network()
    try:
        network.load_state_dict(_renamed(state))
    except (AttributeError, RuntimeError) as error:
        raise CorpusError(
            f"{path} is not mn04 ({error}); give EfficientAT's mn04_as_mAP_432.pt"
        ) from error
    return _folded(network.eval())


def _untrained_network() -> nn.Module:
    try:
        from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
        from torchvision.ops import Conv2dNormActivation, SqueezeExcitation
    except ImportError as error:
        raise CorpusError(
            "mn04 needs torchvision, which is not installed: pip install 'earmark[train]'"
        ) from error
    settings = []
    n_in = 16
    for kernel, n_inside, n_out, gate, activation, stride in _BLOCKS:
        settings.append(
            InvertedResidualConfig(
                n_in, kernel, n_inside, n_out, gate, activation, stride, 1, _WIDTH
            )
        )
        n_in = n_out
    last = InvertedResidualConfig.adjust_channels(1280, _WIDTH)
    network = MobileNetV3(settings, last, num_classes=len(audioset_ids()))
    network.features[0] = Conv2dNormActivation(
        1,
        settings[0].input_channels,
        stride=2,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        activation_layer=nn.Hardswish,
    )
    for layer in network.modules():
        if isinstance(layer, SqueezeExcitation):
            layer.scale_activation = nn.Sigmoid()
    return network


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict under torchvision's names: its gates are convolutions of size 1."""
    renamed = {}
    for name, tensor in state.items():
        own = name.replace("conc_se_layers.0.", "")
        own = own.replace("classifier.2.", "classifier.0.").replace(
            "classifier.5.", "classifier.3."
        )
        is_gate = own.endswith(("fc1.weight", "fc2.weight"))
        renamed[own] = tensor[:, :, None, None] if is_gate else tensor
    return renamed


def _folded(network: nn.Module) -> nn.Module:
    """Return the network with each batch normalization in the convolution before it."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval
    from torchvision.ops import Conv2dNormActivation

    for layer in network.modules():
        if isinstance(layer, Conv2dNormActivation):
            layer[0] = fuse_conv_bn_eval(layer[0], layer[1])
            layer[1] = nn.Identity()
    return network.to(memory_format=torch.channels_last)
