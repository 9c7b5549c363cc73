"""The network: convolutions over time and frequency, a small transformer over 16 tokens, three heads.

Products of one vector a window with a matrix are written as 1 x 1 convolutions: ONNX Runtime then computes each window
of a batch by itself, so that its result does not depend on its company.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from luce.server.music.log_mel import BANDS
from training.audio_encoder.teacher import FEATURES


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network.

    Attributes:
        labels: how many are told.
        channels: feature channels at 1/2, 1/4, 1/8 and 1/16 of the frames and bands.
        width: of a token.
        layers: of the transformer.
        heads: of attention.
        tokens: of a window.
        embedding: width of the text encoder's vectors.
        hidden: of the head that tells labels.
        dropout: while training.
    """

    labels: int
    channels: tuple[int, ...] = (16, 40, 80, 160)
    width: int = 256
    layers: int = 2
    heads: int = 4
    tokens: int = 16
    embedding: int = 384
    hidden: int = 384
    dropout: float = 0.1


class _Block(nn.Module):
    """Halve time and frequency, then refine (He 2016)."""

    def __init__(self, inputs: int, outputs: int, *, refine: bool) -> None:
        super().__init__()
        self.down = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.refine = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        if not refine:
            self.refine = nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.down(x)))
        return functional.relu(x + self.refine(x)) if len(self.refine) else x


class _Layer(nn.Module):
    """A pre-norm transformer layer (Xiong 2020)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5).softmax(dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.dropout(self.out(mixed))
        result: Tensor = x + self.dropout(self.narrow(functional.relu(self.wide(self.norm2(x)))))
        return result


class AudioEncoder(nn.Module):
    """Log-mel (B, 500, 64) in dB to ``embedding`` (B, 384), ``audio_tokens`` (B, 16, 256) and logits (B, k)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        ends = zip((1, *sizes.channels), sizes.channels, strict=False)
        self.blocks = nn.ModuleList(_Block(i, o, refine=index > 1) for index, (i, o) in enumerate(ends))
        rows = BANDS >> len(sizes.channels)
        self.flatten = nn.Conv1d(sizes.channels[-1] * rows, sizes.width, 1)
        self.shorten = nn.Conv1d(sizes.width, sizes.width, 3, stride=2, padding=1)
        self.places = nn.Parameter(torch.randn(1, sizes.tokens, sizes.width) * 0.02)
        self.layers = nn.ModuleList(_Layer(sizes.width, sizes.heads, sizes.dropout) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        self.hidden = nn.Conv1d(2 * sizes.width, sizes.hidden, 1)
        self.labels = nn.Conv1d(sizes.hidden, sizes.labels, 1)
        self.embed = nn.Conv1d(2 * sizes.width, sizes.embedding, 1)
        self.teacher = nn.Conv1d(2 * sizes.width, FEATURES, 1)
        self.dropout = nn.Dropout(sizes.dropout)

    def tokens(self, log_mel: Tensor) -> Tensor:
        """Token states (B, 16, 256)."""
        x = ((log_mel + 60.0) / 25.0).unsqueeze(1)
        for block in self.blocks:
            x = block(x)
        batch, channels, frames, rows = x.shape
        x = x.permute(0, 1, 3, 2).reshape(batch, channels * rows, frames)
        x = self.shorten(functional.relu(self.flatten(x))).transpose(1, 2) + self.places
        for layer in self.layers:
            x = layer(x)
        normalised: Tensor = self.norm(x)
        return normalised

    def heads(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embedding of length 1, label logits and the teacher's features, of token states."""
        by_channel = tokens.transpose(1, 2)
        count = self.sizes.tokens
        pooled = torch.cat([functional.avg_pool1d(by_channel, count), functional.max_pool1d(by_channel, count)], dim=1)
        pooled = self.dropout(pooled)
        logits = self.labels(self.dropout(functional.relu(self.hidden(pooled)))).squeeze(2)
        raw = self.embed(pooled).squeeze(2)
        embedding = raw / raw.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-6)
        return embedding, logits, self.teacher(pooled).squeeze(2)

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Embedding, label logits, the teacher's features and the token states."""
        tokens = self.tokens(log_mel)
        return (*self.heads(tokens), tokens)
