"""The numbers of the model, as frozen values; the defaults are the shipped model's."""

from dataclasses import dataclass, field
from typing import Final, Literal

#: ``mixed``: the layers with the most work or weights in 8 bits; or all in ``float32``.
Precision = Literal["mixed", "float32"]

#: Of the processor, unless told otherwise: macro mAP differs from ``float32`` by 0.1 points.
DEFAULT_PRECISION: Final[Precision] = "mixed"

HeadKind = Literal["linear", "stacked"]

BRANCH_NAMES: Final = ("pitch", "timbre", "waveform", "neuralogram")


@dataclass(frozen=True)
class PitchConfig:
    """Constant-Q transform whose peaks are all that the pitch branch hears."""

    f_min: float = 40.0  # Hz, the lowest bin
    n_bins: int = 80  # up to 3.8 kHz
    bins_per_octave: int = 12
    sparsity: float = 0.01  # share of a kernel's magnitude that may be dropped


@dataclass(frozen=True)
class TimbreConfig:
    """Mel-frequency cepstral coefficients, one vector a frame."""

    n_mfcc: int = 13  # the first, the level, is dropped
    n_mels: int = 40


@dataclass(frozen=True)
class WaveformConfig:
    """Learned filters, their loudest response in each frame."""

    n_filters: int = 128
    filter_samples: int = 200  # 12.5 ms
    log_compression: bool = True  # False: the responses themselves, as published


@dataclass(frozen=True)
class NeuralogramConfig:
    """Log-mel images of 100 ms chunks, seen by a MobileNetV1."""

    n_mels: int = 64
    f_min: float = 60.0  # Hz
    f_max: float = 7800.0  # Hz
    n_fft: int = 512
    win_length: int = 400  # samples
    hop_length: int = 160  # samples
    width: float = 1.0  # multiplies the channels of each layer: 1024 at the end


@dataclass(frozen=True)
class EncoderConfig:
    """The transformer that every branch has one of."""

    d_model: int = 64
    n_layers: int = 6
    n_heads: int = 12
    head_dim: int = 5  # 12 x 5 = 60: the inner width that gives the published size
    d_mlp: int = 256
    pool_every: int = 2  # layers between two halvings of the tokens
    dropout: float = 0.3
    d_classifier: int = 2048


@dataclass(frozen=True)
class HeadConfig:
    """What combines the branches."""

    #: ``linear``: a layer on their embeddings, as published; ``stacked``: a weighted sum of what
    #: their own classifiers say.
    kind: HeadKind = "linear"


@dataclass(frozen=True)
class TaggerConfig:
    """The whole model."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    pitch: PitchConfig = field(default_factory=PitchConfig)
    timbre: TimbreConfig = field(default_factory=TimbreConfig)
    waveform: WaveformConfig = field(default_factory=WaveformConfig)
    neuralogram: NeuralogramConfig = field(default_factory=NeuralogramConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
