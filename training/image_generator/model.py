"""The denoiser: a UNet that predicts the velocity of rectified flow, conditioned on text.

Rectified flow (Liu et al. 2022, Lipman et al. 2022): x_t = (1 - t) noise + t image, t from 0 to 1, and the network
predicts dx/dt = image - noise. Text enters twice: its token states through cross-attention where the picture is
smallest, and a vector (sentence embedding, learned attention pooling of the tokens, and what the attribute reader makes
of them) through a scale and a shift in every residual block.

Every product of a per-request vector with a matrix is written as a 1 x 1 convolution: ONNX Runtime then computes each
row of a batch by itself, so that a request's result does not depend on its company.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.image_generator.reader import CLASSES, KINDS, AttributeReader


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the network.

    Attributes:
        channels: feature channels at 1/2, 1/4 and 1/8 of the picture's side.
        blocks: residual blocks at each of these scales, on the way down and on the way up.
        attention: transformer blocks at the smallest scale, in the middle.
        text: width of the text encoder.
        embedding: width of the conditioning vector.
        heads: attention heads.
        pool: learned queries that pool the token states.
    """

    channels: tuple[int, int, int] = (48, 96, 192)
    blocks: tuple[int, int, int] = (1, 2, 2)
    attention: int = 2
    text: int = 384
    embedding: int = 256
    heads: int = 4
    pool: int = 4


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(8, channels)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a conditioned scale and shift between them."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(inputs), _norm(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.film = nn.Conv2d(embedding, 2 * outputs, 1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """X (N, inputs, h, w), condition (N, embedding, 1, 1) -> (N, outputs, h, w)."""
        h = self.conv1(functional.silu(self.norm1(x)))
        scale, shift = self.film(condition).chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(functional.silu(h))  # type: ignore[no-any-return]


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, heads: int) -> Tensor:
    """Multi-head attention: q (N, S, C), k and v (N, L, C), bias (N, 1, 1, L) or None -> (N, S, C)."""
    n, s, c = q.shape
    q = q.reshape(n, s, heads, c // heads).permute(0, 2, 1, 3)
    k = k.reshape(n, -1, heads, c // heads).permute(0, 2, 3, 1)
    v = v.reshape(n, -1, heads, c // heads).permute(0, 2, 1, 3)
    scores = (q @ k) * (1.0 / math.sqrt(c // heads))
    if bias is not None:
        scores = scores + bias
    out = torch.softmax(scores.float(), dim=-1).to(v.dtype) @ v
    return out.permute(0, 2, 1, 3).reshape(n, s, c)


class TransformerBlock(nn.Module):
    """Self-attention over places, cross-attention to the words, a gated feed-forward."""

    def __init__(self, channels: int, text: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out1 = nn.Linear(channels, channels)
        self.query = nn.Linear(channels, channels)
        self.words = nn.Linear(text, 2 * channels)
        self.out2 = nn.Linear(channels, channels)
        self.up = nn.Linear(channels, 4 * channels)
        self.down = nn.Linear(2 * channels, channels)
        for last in (self.out1, self.out2, self.down):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        """X (N, C, h, w), tokens (N, L, text), bias (N, 1, 1, L) -> (N, C, h, w)."""
        n, c, height, width = x.shape
        z = x.reshape(n, c, height * width).permute(0, 2, 1)
        q, k, v = self.qkv(self.norm1(z)).chunk(3, dim=-1)
        z = z + self.out1(_attend(q, k, v, None, self.heads))
        k, v = self.words(tokens).chunk(2, dim=-1)
        z = z + self.out2(_attend(self.query(self.norm2(z)), k, v, bias, self.heads))
        gate, value = self.up(self.norm3(z)).chunk(2, dim=-1)
        z = z + self.down(functional.silu(gate) * value)
        return z.permute(0, 2, 1).reshape(n, c, height, width)  # type: ignore[no-any-return]


class Condition(nn.Module):
    """Time and text to one vector."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.embedding
        self.heads = config.heads
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.exp(torch.linspace(0.0, math.log(1000.0), 64)).view(1, 64, 1, 1))
        self.time = nn.Sequential(nn.Conv2d(128, width, 1), nn.SiLU(), nn.Conv2d(width, width, 1))
        self.pooled = nn.Conv2d(config.text, width, 1)
        self.queries = nn.Parameter(torch.randn(1, config.pool, width) * 0.5)
        self.words = nn.Linear(config.text, 2 * width)
        self.gather = nn.Conv2d(width * config.pool, width, 1)
        self.reader = AttributeReader(config.text)
        self.reader.requires_grad_(False)
        self.told = nn.Conv2d(len(KINDS) * CLASSES, width, 1)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)  # type: ignore[arg-type]
        self.mix = nn.Sequential(nn.SiLU(), nn.Conv2d(width, width, 1), nn.SiLU())

    def forward(self, timestep: Tensor, tokens: Tensor, bias: Tensor, pooled: Tensor) -> Tensor:
        """(N,), (N, L, text), (N, 1, 1, L), (N, text) -> (N, embedding, 1, 1)."""
        n = timestep.shape[0]
        phase = timestep.view(n, 1, 1, 1) * self.frequencies
        time = self.time(torch.cat([torch.sin(phase), torch.cos(phase)], dim=1))
        k, v = self.words(tokens).chunk(2, dim=-1)
        gathered = _attend(self.queries.expand(n, -1, -1), k, v, bias, self.heads)
        text = self.gather(gathered.reshape(n, -1, 1, 1)) + self.pooled(pooled.reshape(n, -1, 1, 1) * 8.0)
        said = torch.softmax(self.reader(tokens, bias).float(), dim=-1).to(time.dtype)
        return self.mix(time + text + self.told(said.reshape(n, -1, 1, 1)))  # type: ignore[no-any-return]


class Denoiser(nn.Module):
    """The network. Sides of the picture are multiples of 8."""

    def __init__(self, config: DenoiserConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DenoiserConfig()
        c0, c2 = config.channels[0], config.channels[2]
        width = config.embedding
        self.condition = Condition(config)
        self.enter = nn.Conv2d(12 + 2, c0, 3, padding=1)
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        held, skips = c0, [c0]
        for level, channels in enumerate(config.channels):
            stage = nn.ModuleList()
            for _ in range(config.blocks[level]):
                stage.append(ResidualBlock(held, channels, width))
                held = channels
                skips.append(held)
            self.down.append(stage)
            if level < 2:
                self.shrink.append(nn.Conv2d(held, held, 3, stride=2, padding=1))
                skips.append(held)
        self.middle = nn.ModuleList(TransformerBlock(c2, config.text, config.heads) for _ in range(config.attention))
        self.after = ResidualBlock(c2, c2, width)
        self.up = nn.ModuleList()
        self.grow = nn.ModuleList()
        for level in (2, 1, 0):
            stage = nn.ModuleList()
            for _ in range(config.blocks[level] + 1):
                stage.append(ResidualBlock(held + skips.pop(), config.channels[level], width))
                held = config.channels[level]
            self.up.append(stage)
            if level > 0:
                self.grow.append(nn.Conv2d(held, held, 3, padding=1))
        self.leave_norm = _norm(c0)
        self.leave = nn.Conv2d(c0, 12, 3, padding=1)
        nn.init.zeros_(self.leave.weight)

    def forward(self, sample: Tensor, timestep: Tensor, tokens: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        """Predict the velocity.

        Args:
            sample: (N, 3, h, w), the picture on its way, about unit variance at t = 0 and in [-1, 1] at t = 1.
            timestep: (N,) in [0, 1].
            tokens: (N, L, text) token states of the prompt.
            mask: (N, L), 1 for words and 0 for padding.
            pooled: (N, text) sentence embedding, unit length.

        Returns:
            (N, 3, h, w).
        """
        bias = ((1.0 - mask.to(sample.dtype)) * -10000.0)[:, None, None, :]
        condition = self.condition(timestep, tokens, bias, pooled)
        x = functional.pixel_unshuffle(sample, 2)
        x = self.enter(torch.cat([x, _coordinates(x)], dim=1))
        skips = [x]
        for level, stage in enumerate(self.down):
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, condition)
                skips.append(x)
            if level < 2:
                x = self.shrink[level](x)
                skips.append(x)
        for block in self.middle:
            x = block(x, tokens, bias)
        x = self.after(x, condition)
        for level, stage in enumerate(self.up):
            for block in stage:  # type: ignore[attr-defined]
                x = block(torch.cat([x, skips.pop()], dim=1), condition)
            if level < 2:
                x = self.grow[level](functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.leave(functional.silu(self.leave_norm(x)))
        return functional.pixel_shuffle(x, 2)


def _coordinates(x: Tensor) -> Tensor:
    """Place in the picture, (N, 2, h, w) in [-1, 1], so that larger pictures still have one horizon."""
    n, _, height, width = x.shape
    rows = (torch.arange(height, device=x.device, dtype=torch.float32) + 0.5) * (2.0 / height) - 1.0
    columns = (torch.arange(width, device=x.device, dtype=torch.float32) + 0.5) * (2.0 / width) - 1.0
    grid = torch.stack([rows[:, None].expand(height, width), columns[None, :].expand(height, width)])
    return grid[None].expand(n, -1, -1, -1).to(x.dtype)
