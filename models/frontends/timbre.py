"""Timbre: mel-frequency cepstral coefficients without the level."""

from torch import Tensor, nn
from torchaudio.transforms import MFCC

from earmark.models.config import TimbreConfig
from earmark.models.timebase import FRAME_SAMPLES, SAMPLE_RATE


class TimbreFrontEnd(nn.Module):
    """One vector of cepstral coefficients for each frame, by itself.

    Args:
        config: Number of coefficients and mel bands.

    Shape:
        - Input: ``(blocks, 400)``, each block one frame
        - Output: ``(blocks, 1, n_mfcc - 1)``

    Source: Davis and Mermelstein (1980); torchaudio's MFCC with the natural log of mel power, whose
    floor is constant. (A floor relative to the loudest frame would let frames see each other.)
    """

    block_samples: int = FRAME_SAMPLES

    def __init__(self, config: TimbreConfig) -> None:
        super().__init__()
        self.mfcc = MFCC(
            sample_rate=SAMPLE_RATE,
            n_mfcc=config.n_mfcc,
            log_mels=True,
            melkwargs={
                "n_fft": FRAME_SAMPLES,
                "hop_length": FRAME_SAMPLES,
                "n_mels": config.n_mels,
                "center": False,
            },
        )
        self.n_features = config.n_mfcc - 1

    def forward(self, blocks: Tensor) -> Tensor:
        """Return the coefficients of each frame, the first dropped."""
        coefficients: Tensor = self.mfcc(blocks)  # (blocks, n_mfcc, 1)
        return coefficients[:, 1:].transpose(1, 2)
