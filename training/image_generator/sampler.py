"""Sampling in torch, to look at a model while it trains; serving has its own loop."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.image_generator.model import Denoiser
from training.image_generator.text import Encoded, TextEncoder


def padded(encoded: Encoded, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Token states (N, L, 384), mask (N, L) and sentence embeddings (N, 384), float32."""
    longest = int(encoded.lengths.max())
    states = torch.zeros(len(encoded.lengths), longest, encoded.states.shape[1])
    mask = torch.zeros(len(encoded.lengths), longest)
    start = 0
    for row, length in enumerate(encoded.lengths):
        states[row, :length] = torch.from_numpy(encoded.states[start : start + length].astype(np.float32))
        mask[row, :length] = 1.0
        start += int(length)
    return states.to(device), mask.to(device), torch.from_numpy(encoded.pooled.astype(np.float32)).to(device)


def shifted(times: npt.NDArray[np.float64], shift: float) -> npt.NDArray[np.float64]:
    """Spend more steps near the noise: t -> t / (t + shift (1 - t)), shift >= 1 (Esser et al. 2024, time reversed)."""
    return times / (times + shift * (1.0 - times))


@torch.no_grad()
def sample(
    model: Denoiser,
    encoder: TextEncoder,
    prompts: list[str],
    *,
    seed: int = 0,
    steps: int = 12,
    guidance: float = 3.0,
    size: int = 64,
    shift: float = 1.0,
) -> Tensor:
    """Pictures (N, 3, size, size) in about [-1, 1]: Euler steps along the guided velocity."""
    device = next(model.parameters()).device
    tokens, mask, pooled = padded(encoder([*prompts, *([""] * len(prompts))]), device)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(prompts), 3, size, size, generator=generator).to(device)
    times = shifted(np.linspace(0.0, 1.0, steps + 1), shift)
    for now, then in itertools.pairwise(times):
        t = torch.full((2 * len(prompts),), float(now), device=device)
        told, untold = model(torch.cat([x, x]), t, tokens, mask, pooled).chunk(2)
        x = x + float(then - now) * (untold + guidance * (told - untold))
    return x
