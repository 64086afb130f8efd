"""The transformer encoder that turns a branch's tokens into its embedding."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import EncoderConfig


class SelfAttention(nn.Module):
    """Multi-head attention whose head size is given, not derived from the width.

    Shape:
        - Input and output: ``(batch, tokens, d_model)``
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.head_dim = config.head_dim
        inner = config.n_heads * config.head_dim
        self.queries_keys_values = nn.Linear(config.d_model, 3 * inner)
        self.output = nn.Linear(inner, config.d_model)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let each token gather from all the others."""
        batch, n_tokens, _ = tokens.shape
        joint = self.queries_keys_values(tokens)
        joint = joint.view(batch, n_tokens, 3, self.n_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        queries, keys, values = joint[0], joint[1], joint[2]  # (batch, heads, tokens, head_dim)
        weights = queries @ keys.transpose(2, 3) / math.sqrt(self.head_dim)
        gathered = torch.softmax(weights, dim=3) @ values
        output: Tensor = self.output(gathered.transpose(1, 2).flatten(2))
        return output


class EncoderLayer(nn.Module):
    """Attention, then a two-layer perceptron, each on a normalized residual.

    Shape:
        - Input and output: ``(batch, tokens, d_model)``
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = SelfAttention(config)
        self.mlp_norm = nn.LayerNorm(config.d_model)
        self.mlp = nn.Sequential(
            nn.Linear(config.d_model, config.d_mlp),
            nn.GELU(),
            nn.Linear(config.d_mlp, config.d_model),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Refine the tokens."""
        tokens = tokens + self.dropout(self.attention(self.attention_norm(tokens)))
        refined: Tensor = tokens + self.dropout(self.mlp(self.mlp_norm(tokens)))
        return refined


class Encoder(nn.Module):
    """Tokens of a window to one embedding.

    Args:
        config: Width, depth and heads.
        n_features: Numbers in each token.
        n_tokens: Tokens in a window.
        normalize: Standardize the features with statistics gathered in training; not for
            binary maps, whose rare ones would be blown up.

    Shape:
        - Input: ``(batch, n_tokens, n_features)``
        - Output: ``(batch, d_model)``

    Source: Verma, "Diverse Audio Embeddings" (2023): tokens halved by max-pooling after every
    second layer, mean over what is left.
    """

    def __init__(
        self, config: EncoderConfig, *, n_features: int, n_tokens: int, normalize: bool
    ) -> None:
        super().__init__()
        self.feature_norm = nn.BatchNorm1d(n_features) if normalize else nn.Identity()
        self.project = nn.Linear(n_features, config.d_model)
        self.register_buffer("positions", sinusoidal_positions(n_tokens, config.d_model))
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_layers))
        self.pool_every = config.pool_every
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the embedding of each window."""
        tokens = self.feature_norm(tokens.transpose(1, 2)).transpose(1, 2)
        tokens = self.project(tokens) + self.positions
        for i, layer in enumerate(self.layers):
            tokens = layer(tokens)
            if (i + 1) % self.pool_every == 0:
                # ceil_mode: the last token of an odd row survives.
                tokens = F.max_pool1d(tokens.transpose(1, 2), 2, ceil_mode=True).transpose(1, 2)
        embedding: Tensor = self.norm(tokens).mean(dim=1)
        return embedding


def sinusoidal_positions(n_tokens: int, d_model: int) -> Tensor:
    """Return fixed position codes, sines in the even columns and cosines in the odd ones.

    Shape:
        - Output: ``(n_tokens, d_model)``

    Source: Vaswani et al., "Attention Is All You Need" (2017), section 3.5.
    """
    position = torch.arange(n_tokens)[:, None]
    rate = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000) / d_model))
    codes = torch.zeros(n_tokens, d_model)
    codes[:, 0::2] = torch.sin(position * rate)
    codes[:, 1::2] = torch.cos(position * rate)
    return codes
