"""The network: convolutions along time, statistics of the bands, a transformer layer over 16 tokens, three heads.

Bands are channels, as in x-vectors (Snyder 2018): timbre is learned from far fewer sounds so than by convolutions over
frequency, which were tried first.

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

#: Of each band over the window, see :func:`_statistics`.
_STATISTICS = 5


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network.

    Attributes:
        labels: how many are told.
        channels: feature channels after each block, each of which halves the frames.
        summary: of the statistics of the bands over the whole window.
        width: of a token.
        layers: of the transformer.
        heads: of attention.
        tokens: of a window.
        embedding: width of the text encoder's vectors.
        hidden: of the head that tells labels.
        dropout: while training.
    """

    labels: int
    channels: tuple[int, ...] = (160, 320, 320, 320)
    summary: int = 256
    width: int = 256
    layers: int = 1
    heads: int = 4
    tokens: int = 16
    embedding: int = 384
    hidden: int = 384
    dropout: float = 0.1


class _Block(nn.Module):
    """Fewer frames, more channels; then perhaps a residual convolution (He 2016)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, refine: bool) -> None:
        super().__init__()
        self.down = nn.Conv1d(inputs, outputs, kernel, stride=2, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.refine = nn.Sequential()
        if refine:
            self.refine = nn.Sequential(nn.Conv1d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm1d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, frames) to (B, outputs, half the frames)."""
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
        widths = (BANDS, *sizes.channels)
        self.blocks = nn.ModuleList(
            _Block(inputs, outputs, 5 if index == 0 else 3, refine=index == 2)
            for index, (inputs, outputs) in enumerate(zip(widths, sizes.channels, strict=False))
        )
        self.shorten = nn.Conv1d(sizes.channels[-1], sizes.width, 3, stride=2, padding=1)
        self.places = nn.Parameter(torch.randn(1, sizes.tokens, sizes.width) * 0.02)
        self.layers = nn.ModuleList(_Layer(sizes.width, sizes.heads, sizes.dropout) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width)
        self.summary_norm = nn.BatchNorm1d(_STATISTICS * BANDS + 1)
        self.summary = nn.Conv1d(_STATISTICS * BANDS + 1, sizes.summary, 1)
        pooled = 2 * sizes.width + 3 * sizes.channels[-2] + sizes.summary
        self.hidden = nn.Conv1d(pooled, sizes.hidden, 1)
        self.labels = nn.Conv1d(sizes.hidden, sizes.labels, 1)
        self.embed = nn.Conv1d(pooled, sizes.embedding, 1)
        self.teacher = nn.Conv1d(pooled, FEATURES, 1)
        self.dropout = nn.Dropout(sizes.dropout)

    def hear(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Token states (B, 16, 256), and everything else that is known of a window (B, P, 1)."""
        mel = log_mel.transpose(1, 2)
        level = functional.avg_pool1d(functional.avg_pool1d(mel, mel.shape[2]).transpose(1, 2), BANDS)
        # Spectra are told apart by their shape: the level is a number of its own.
        x = (mel - level) / 20.0
        summary = torch.cat([_statistics(x), (level + 60.0) / 25.0], dim=1)
        parts = [functional.relu(self.summary(self.dropout(self.summary_norm(summary))))]
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == len(self.blocks) - 2:
                mean, deviation = _moments(x)
                parts += [mean, deviation, functional.max_pool1d(x, x.shape[2])]
        x = self.shorten(x).transpose(1, 2) + self.places
        for layer in self.layers:
            x = layer(x)
        tokens = self.norm(x)
        by_channel = tokens.transpose(1, 2)
        parts += [functional.avg_pool1d(by_channel, x.shape[1]), functional.max_pool1d(by_channel, x.shape[1])]
        return tokens, torch.cat(parts, dim=1)

    def heads(self, pooled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embedding of length 1, label logits and the teacher's features."""
        pooled = self.dropout(pooled)
        logits = self.labels(self.dropout(functional.relu(self.hidden(pooled)))).squeeze(2)
        raw = self.embed(pooled).squeeze(2)
        embedding = raw / raw.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-6)
        return embedding, logits, self.teacher(pooled).squeeze(2)

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Embedding, label logits, the teacher's features and the token states."""
        tokens, pooled = self.hear(log_mel)
        return (*self.heads(pooled), tokens)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over time, each (B, C, 1)."""
    mean = functional.avg_pool1d(x, x.shape[2])
    square = functional.avg_pool1d((x - mean).square(), x.shape[2])
    return mean, (square + 1e-5).sqrt()


def _statistics(x: Tensor) -> Tensor:
    """Mean, deviation, maximum, mean change and greatest rise of each band, (B, 5 * 64, 1)."""
    mean, deviation = _moments(x)
    change = x[:, :, 1:] - x[:, :, :-1]
    count = x.shape[2]
    steps = [functional.avg_pool1d(change.abs(), count - 1), functional.max_pool1d(change, count - 1)]
    return torch.cat([mean, deviation, functional.max_pool1d(x, count), *steps], dim=1)
