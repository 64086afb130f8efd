"""mn04, a MobileNetV3 of width 0.4 that was distilled from transformers on AudioSet.

Source: Schmid, Koutini and Widmer, "Efficient large-scale audio tagging via
transformer-to-CNN knowledge distillation" (ICASSP 2023); the checkpoint ``mn04_as_mAP_432.pt`` of
their EfficientAT (MIT).
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earmark.models.errors import CorpusError
from earmark.models.graphs.graph import Graph
from earmark.models.graphs.weights import Array, batch_norm
from earmark.models.timebase import SAMPLE_RATE

#: Classes of AudioSet, in the order of its ``class_labels_indices.csv``.
N_CLASSES: Final = 527

_RATE: Final = 32_000  # Hz
_PRE_EMPHASIS: Final = 0.97
_N_FFT: Final = 1024
_WIN_LENGTH: Final = 800
_HOP_LENGTH: Final = 320
_N_MELS: Final = 128
_F_MAX: Final = 15_000.0  # Hz
_LOG_FLOOR: Final = 1e-5

_EPSILON: Final = 1e-3  # of its batch normalizations
_LAST_WITH_RELU: Final = 6  # blocks behind it activate by a hard swish, as the first layer does
_STRIDES: Final = {2: 2, 4: 2, 7: 2, 13: 2}  # of blocks; 1 for the rest
_BLOCKS: Final = range(1, 16)
_RESIDUAL: Final = frozenset({1, 3, 5, 6, 8, 9, 10, 12, 14, 15})  # as narrow behind as before

# Seconds that go through together: more of them leave the processor's caches.
_SECONDS_AT_ONCE: Final = 32


class Mn04:
    """The teacher, asked about windows of a second or whole clips.

    Args:
        path: Of the state dict.
        threads: Of the network.

    Raises:
        CorpusError: If it is missing or is not this network's.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._network = _written(_read_weights(path)).session(threads=threads)
        self._log_mel = LogMel()

    @torch.inference_mode()
    def hear(
        self, waveforms: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what is heard in each waveform as a whole.

        Args:
            waveforms: (n, samples) at 16 kHz, of a second at least.

        Returns:
            Logits (n, 527) and pooled features (n, 384).
        """
        at_once = max(1, _SECONDS_AT_ONCE * SAMPLE_RATE // waveforms.shape[1])
        heard = []
        for first in range(0, len(waveforms), at_once):
            images = self._log_mel(torch.from_numpy(_resampled(waveforms[first : first + at_once])))
            heard.append(self._network.run(["logits", "features"], {"images": images.numpy()}))
        logits, features = (np.concatenate(parts) for parts in zip(*heard, strict=True))
        return logits, features


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

    return np.stack([soxr.resample(row, SAMPLE_RATE, _RATE, quality="HQ") for row in waveforms])


def _read_weights(path: Path) -> dict[str, Array]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError) as error:
        raise CorpusError(f"cannot read the teacher {path}: {error}") from error
    named = state if isinstance(state, dict) else {}
    weights = {n: t.double().numpy() for n, t in named.items() if isinstance(t, Tensor)}
    last = weights.get("classifier.5.weight", np.empty(0))
    if last.shape != (N_CLASSES, 512) or "features.16.0.weight" not in weights:
        raise CorpusError(f"{path} is not mn04; give EfficientAT's mn04_as_mAP_432.pt")
    return weights


def _written(weights: dict[str, Array]) -> Graph:
    """Return the graph from ``images``, (batch, 1, 128, frames), to logits and features."""
    graph = Graph()
    value = graph.input("images", ("batch", 1, _N_MELS, "frames"))
    value = graph.op("HardSwish", _convolved(graph, value, weights, "features.0", stride=2))
    for block in _BLOCKS:
        value = _block(graph, value, weights, block)
    value = graph.op("HardSwish", _convolved(graph, value, weights, "features.16"))
    pooled = graph.op("ReduceMean", value, graph.integers([2, 3]), keepdims=0)
    graph.output("features", pooled)
    hidden = graph.op("HardSwish", _dense(graph, pooled, weights, "classifier.2"))
    graph.output("logits", _dense(graph, hidden, weights, "classifier.5"))
    return graph


def _block(graph: Graph, value: str, weights: dict[str, Array], block: int) -> str:
    """Return the inverted residual block: widened, filtered by channel, gated, narrowed.

    Source: Howard et al., "Searching for MobileNetV3" (2019).
    """
    entered, stride = value, _STRIDES.get(block, 1)
    start = f"features.{block}.block"
    n_parts = 1 + max(int(name.split(".")[3]) for name in weights if name.startswith(f"{start}."))
    for part in range(n_parts):
        if f"{start}.{part}.0.weight" not in weights:
            value = _gated(graph, value, weights, f"{start}.{part}.conc_se_layers.0")
            continue
        kernel = weights[f"{start}.{part}.0.weight"]
        if kernel.shape[1] == 1:
            value = _convolved(
                graph, value, weights, f"{start}.{part}", stride=stride, groups=len(kernel)
            )
        else:
            value = _convolved(graph, value, weights, f"{start}.{part}")
        if part < n_parts - 1:
            value = graph.op("HardSwish" if block > _LAST_WITH_RELU else "Relu", value)
    return graph.op("Add", value, entered) if block in _RESIDUAL else value


def _convolved(
    graph: Graph,
    value: str,
    weights: dict[str, Array],
    name: str,
    *,
    stride: int = 1,
    groups: int = 1,
) -> str:
    """Return a convolution and its batch normalization, as one."""
    scale, shift = batch_norm(weights, f"{name}.1", _EPSILON)
    kernel = weights[f"{name}.0.weight"] * scale[:, None, None, None]
    return graph.op(
        "Conv",
        value,
        graph.floats(kernel),
        graph.floats(shift),
        group=groups,
        strides=[stride, stride],
        pads=[kernel.shape[2] // 2] * 4,
    )


def _gated(graph: Graph, value: str, weights: dict[str, Array], name: str) -> str:
    pooled = graph.op("ReduceMean", value, graph.integers([2, 3]), keepdims=0)
    squeezed = graph.op("Relu", _dense(graph, pooled, weights, f"{name}.fc1"))
    gate = graph.op("Sigmoid", _dense(graph, squeezed, weights, f"{name}.fc2"))
    return graph.op("Mul", value, graph.op("Unsqueeze", gate, graph.integers([2, 3])))


def _dense(graph: Graph, value: str, weights: dict[str, Array], name: str) -> str:
    return graph.affine(value, weights[f"{name}.weight"].T, weights[f"{name}.bias"])
