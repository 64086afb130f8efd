"""A branch: one way of hearing, from waveform to embedding and tag logits."""

from collections.abc import Callable
from typing import Final, Tuple, Union

import torch
from torch import Tensor, nn

from .config import EncoderConfig, TaggerConfig
from .encoder import Encoder
from .frontends.neuralogram import NeuralogramFrontEnd
from .frontends.pitch import PitchFrontEnd
from .frontends.timbre import TimbreFrontEnd
from .frontends.waveform import WaveformFrontEnd
from .timebase import CHUNKS_PER_WINDOW, FRAMES_PER_WINDOW, WINDOW_SAMPLES

FrontEnd = Union[PitchFrontEnd, TimbreFrontEnd, WaveformFrontEnd, NeuralogramFrontEnd]


class Branch(nn.Module):
    """Front end, encoder and classifier.

    A window is cut into blocks that the front end sees one by one, so a stream computes the tokens
    of a block once and keeps them: ``encode(tokens(blocks))`` is what ``forward`` does at a time.

    Args:
        front_end: ``(blocks, block_samples) -> (blocks, tokens of a block, features)``.
        encoder: Size of the encoder and the classifier.
        n_tokens: Tokens in a window.
        n_tags: Outputs of the classifier.
        normalize: Whether the encoder standardizes its input.

    Shape:
        - Input: ``(batch, 16000)``
        - Output: embedding ``(batch, d_model)`` and logits ``(batch, n_tags)``
    """

    block_samples: int

    def __init__(
        self,
        front_end: FrontEnd,
        encoder: EncoderConfig,
        *,
        n_tokens: int,
        n_tags: int,
        normalize: bool,
    ) -> None:
        super().__init__()
        self.block_samples = front_end.block_samples
        self.front_end = front_end
        self.encoder = Encoder(
            encoder,
            n_features=front_end.n_features,
            n_tokens=n_tokens,
            normalize=normalize,
        )
        self.classifier = nn.Sequential(
            nn.Linear(encoder.d_model, encoder.d_classifier),
            nn.ReLU(),
            nn.Dropout(encoder.dropout),
            nn.Linear(encoder.d_classifier, n_tags),
        )

    def forward(self, waveform: Tensor) -> Tuple[Tensor, Tensor]:
        """Return the embedding and the logits of each window."""
        blocks = waveform.reshape(-1, self.block_samples)
        tokens = self.tokens(blocks)
        return self.encode(tokens.reshape(waveform.shape[0], -1, tokens.shape[2]))

    @torch.jit.export
    def tokens(self, blocks: Tensor) -> Tensor:
        """Return ``(blocks, tokens of a block, features)`` of ``(blocks, block_samples)``."""
        tokens: Tensor = self.front_end(blocks)
        return tokens

    @torch.jit.export
    def encode(self, tokens: Tensor) -> Tuple[Tensor, Tensor]:
        """Return embedding and logits of ``(batch, n_tokens, features)``."""
        embedding = self.encoder(tokens)
        return embedding, self.classifier(embedding)


def pitch_branch(config: TaggerConfig, n_tags: int) -> Branch:
    """Return an untrained pitch branch."""
    return Branch(
        PitchFrontEnd(config.pitch),
        config.encoder,
        n_tokens=FRAMES_PER_WINDOW,
        n_tags=n_tags,
        normalize=False,
    )


def timbre_branch(config: TaggerConfig, n_tags: int) -> Branch:
    """Return an untrained timbre branch."""
    return Branch(
        TimbreFrontEnd(config.timbre),
        config.encoder,
        n_tokens=FRAMES_PER_WINDOW,
        n_tags=n_tags,
        normalize=True,
    )


def waveform_branch(config: TaggerConfig, n_tags: int) -> Branch:
    """Return an untrained waveform branch."""
    return Branch(
        WaveformFrontEnd(config.waveform),
        config.encoder,
        n_tokens=FRAMES_PER_WINDOW,
        n_tags=n_tags,
        normalize=True,
    )


def neuralogram_branch(config: TaggerConfig, n_tags: int) -> Branch:
    """Return an untrained neuralogram branch."""
    return Branch(
        NeuralogramFrontEnd(config.neuralogram),
        config.encoder,
        n_tokens=CHUNKS_PER_WINDOW,
        n_tags=n_tags,
        normalize=True,
    )


BRANCHES: Final[dict[str, Callable[[TaggerConfig, int], Branch]]] = {
    "pitch": pitch_branch,
    "timbre": timbre_branch,
    "waveform": waveform_branch,
    "neuralogram": neuralogram_branch,
}


def n_blocks(branch: Branch) -> int:
    """Return how many blocks a branch cuts a window into."""
    return WINDOW_SAMPLES // branch.block_samples
