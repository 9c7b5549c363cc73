"""The composer's network: a decoder-only transformer with one head for keys and values, on top of counts.

The counts (`Prior`) say what mostly follows, the network what is different here. Rotary positions (Su et al., 2021),
RMS norms, SwiGLU (Shazeer, 2020), queries and keys normalised, embeddings tied. What is asked (emotion, controls, a
text's or a music's embedding) becomes one vector, which is added to every token. Multi-query attention (Shazeer, 2019)
keeps the cache small: serving reads it at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from luce.server.music.composing.controls import CONTROL_SIZE
from luce.server.music.composing.tokens import CONTEXT, VOCABULARY_SIZE
from training.midi_composer import context
from training.midi_composer.counts import first_weights

EMOTION_SIZE = 3
"""Valence, arousal, and a flag that they are given."""
EMBEDDING_SIZE = 384


@dataclass(frozen=True)
class ComposerConfig:
    """Sizes of the network.

    Attributes:
        width: of the residual stream.
        layers: blocks.
        heads: query heads, each of width / heads.
        hidden: width of the gated feed-forward.
    """

    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 320

    @property
    def depth(self) -> int:
        """Width of a head."""
        return self.width // self.heads


def rotary(depth: int, positions: int = CONTEXT) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (positions, depth / 2)."""
    frequencies = 10_000.0 ** -(torch.arange(0, depth, 2) / depth)
    angles = torch.arange(positions)[:, None] * frequencies
    return torch.cos(angles), torch.sin(angles)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn the pairs (x[i], x[i + depth / 2]) of the last axis."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class Norm(nn.Module):
    """RMS norm with a gain, in basic operations that every runtime has."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """The last axis to a mean square of 1, times the gain."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.gain


class Block(nn.Module):
    """Self-attention and a gated feed-forward, both on normalised inputs."""

    def __init__(self, config: ComposerConfig) -> None:
        super().__init__()
        width, depth = config.width, config.depth
        self.heads, self.depth, self.hidden = config.heads, depth, config.hidden
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.query_norm, self.key_norm = Norm(depth), Norm(depth)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * depth, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, width, bias=False)
        for last in (self.out, self.down):
            nn.init.zeros_(last.weight)

    def project(self, x: Tensor, cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """X (..., width) to queries (..., heads, depth), key and value (..., depth); cosine, sine (..., depth / 2)."""
        z = self.norm1(x)
        query = self.query_norm(self.query(z).unflatten(-1, (self.heads, self.depth)))
        key, value = self.key_value(z).split(self.depth, dim=-1)
        key = self.key_norm(key)
        return rotate(query, cosine[..., None, :], sine[..., None, :]), rotate(key, cosine, sine), value

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add what attention found (..., width), then the feed-forward."""
        x = x + self.out(attended)
        gate, value = self.up(self.norm2(x)).split(self.hidden, dim=-1)
        return x + self.down(functional.silu(gate) * value)  # type: ignore[no-any-return]

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """A whole sequence: (B, T, width) to (B, T, width)."""
        query, key, value = self.project(x, cosine, sine)
        shape = (x.shape[0], self.heads, x.shape[1], self.depth)
        attended = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key[:, None].expand(shape), value[:, None].expand(shape), is_causal=True
        )
        return self.finish(x, attended.transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    """What is asked, as one vector. All zeros in, embedding and flags, means that nothing is asked."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.asked = nn.Linear(EMOTION_SIZE + CONTROL_SIZE, width)
        self.told = nn.Linear(EMBEDDING_SIZE, width, bias=False)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, emotion: Tensor, controls: Tensor, embedding: Tensor) -> Tensor:
        """(B, 3), (B, controls), (B, 384) to `style` (B, width)."""
        asked = self.asked(torch.cat([emotion * emotion.new_tensor([2.0, 2.0, 1.0]), controls], dim=-1))
        return self.mix(asked + self.told(embedding * 8.0))  # type: ignore[no-any-return]


class Prior(nn.Module):
    """What mostly follows: a product of counts (:mod:`training.midi_composer.counts`), whose weights are learned.

    Attributes:
        table: (ROWS, V) float16 logarithms.
        base: (KINDS, V) likewise float32.
        weights: (KINDS, features and facts).
    """

    table: Tensor
    base: Tensor
    starts: Tensor
    low: Tensor
    size: Tensor
    first: Tensor

    def __init__(self) -> None:
        super().__init__()
        parts = context.rows()
        self.register_buffer("table", torch.zeros(context.ROWS, VOCABULARY_SIZE, dtype=torch.float16))
        self.register_buffer("base", torch.zeros(context.KINDS, VOCABULARY_SIZE))
        self.weights = nn.Parameter(torch.from_numpy(first_weights()))
        columns = {
            "starts": list(context.KIND_STARTS),
            "low": [part.low for part in parts],
            "size": [part.size for part in parts],
            "first": [part.first for part in parts],
        }
        for name, values in columns.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def forward(self, features: Tensor, facts: Tensor) -> Tensor:
        """Features (..., COUNT) and facts (..., facts) to logits (..., V)."""
        kind, rows = self._rows(features, facts)
        found = (self.weights[kind][..., None, :] @ self.table[rows].float())[..., 0, :]
        return self.base[kind] + found

    def whole(self, features: Tensor, facts: Tensor) -> Tensor:
        """The same of (B, T, ...) without the rows of the table in memory, which trains faster."""
        kind, rows = self._rows(features, facts)
        weights = self.weights[kind].flatten(0, 1)
        table = self.table.float()
        found = functional.embedding_bag(rows.flatten(0, 1), table, per_sample_weights=weights, mode="sum")
        return self.base[kind] + found.view(*kind.shape, -1)

    def _rows(self, features: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
        """Kinds (...) of the last tokens, and rows (..., features and facts) of the table."""
        kind = (features[..., :1] >= self.starts).sum(-1, keepdim=True) - 1
        values = torch.cat([features, facts], dim=-1)
        inside = (values >= self.low) & (values < self.low + self.size - 1)
        rows = self.first + kind * self.size + torch.where(inside, values - self.low + 1, 0)
        return kind[..., 0], rows


class Composer(nn.Module):
    """Tokens and what is asked to logits: what mostly follows, and what the network says beyond that."""

    cosine: Tensor
    sine: Tensor
    offsets: Tensor

    def __init__(self, config: ComposerConfig = ComposerConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.width)
        self.prior = Prior()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, config.width)
        self.context = nn.Embedding(context.COUNT * VOCABULARY_SIZE, config.width)
        nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.normal_(self.context.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config.width)
        # Small at first: the prior knows more than a network that has not learned yet.
        self.scale = nn.Parameter(torch.tensor(0.1))
        cosine, sine = rotary(config.depth)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.register_buffer("offsets", torch.arange(context.COUNT) * VOCABULARY_SIZE, persistent=False)

    def enter(self, features: Tensor, style: Tensor) -> Tensor:
        """Features (..., COUNT) and style (..., width) to (..., width)."""
        known = self.context(features + self.offsets).sum(-2)
        return self.embedding(features[..., 0]) + known + style  # type: ignore[no-any-return]

    def logits(self, x: Tensor, prior: Tensor) -> Tensor:
        """(..., width) and what mostly follows (..., V) to (..., V)."""
        found = functional.linear(self.norm(x), self.embedding.weight) * (self.scale * self.config.width**-0.5)
        return found + prior  # type: ignore[no-any-return]

    def forward(self, features: Tensor, style: Tensor, facts: Tensor) -> Tensor:
        """Features (B, T, COUNT), style (B, width), facts (B, facts) to logits (B, T, V) of the token after each."""
        x = self.enter(features, style[:, None])
        cosine, sine = self.cosine[: x.shape[1]], self.sine[: x.shape[1]]
        for block in self.blocks:
            x = block(x, cosine, sine)
        prior = self.prior.whole(features, facts[:, None].expand(-1, x.shape[1], -1))
        return self.logits(x, prior)
