"""Changes of a clip that leave its labels true: level, tone, room, noise, gaps, and other clips laid over it.

All work on log-mel in dB (B, 500, 64), where sounds add as powers. Rooms smear power along time.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from luce.server.music.log_mel import FLOOR_DB

_LOG10 = 0.23025850929940458


def _power(decibels: Tensor) -> Tensor:
    return torch.exp(decibels * _LOG10)


def _decibels(power: Tensor) -> Tensor:
    return power.clamp_min(1e-10).log() / _LOG10


def mix(first: Tensor, second: Tensor, gain: Tensor) -> Tensor:
    """Lay ``second`` over ``first`` at a gain (B,) in dB."""
    return _decibels(_power(first) + _power(second + gain[:, None, None]))


def colour(mel: Tensor, generator: torch.Generator, spread: float = 3.5) -> Tensor:
    """Give each clip a smooth spectral curve of its own, of ``spread`` dB at seven points: another instrument."""
    count, _, bands = mel.shape
    curve = torch.randn(count, 1, 7, generator=generator) * spread
    return mel + functional.interpolate(curve, size=bands, mode="linear", align_corners=True)


def warp(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Move each clip's bands by up to one and a half, and spread them by up to 4 %: other pitches and formants."""
    count, _, bands = mel.shape
    shift = torch.rand(count, 1, generator=generator) * 3 - 1.5
    spread = 1 + (torch.rand(count, 1, generator=generator) * 2 - 1) * 0.04
    place = ((torch.arange(bands) - bands / 2) * spread + bands / 2 + shift).clamp(0, bands - 1.001)
    low = place.floor().long()
    part = (place - low)[:, None]
    below = mel.gather(2, low[:, None].expand_as(mel))
    above = mel.gather(2, low[:, None].expand_as(mel) + 1)
    return below * (1 - part) + above * part


def distort(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Random bands, tone, room, noise, level, gaps and shift of each clip."""
    count, frames, bands = mel.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    def chosen(share: float) -> Tensor:
        return (torch.rand(count, generator=generator) < share).float()[:, None, None]

    moved = chosen(0.5)[:, 0, 0] > 0
    mel = mel.clone()
    mel[moved] = warp(mel[moved], generator)
    dull = torch.zeros(count, 1, 7)
    dull[:, :, -1] -= uniform(0, 25, 1) * chosen(0.2)[:, :, 0]
    mel = colour(mel, generator) + functional.interpolate(dull, size=bands, mode="linear", align_corners=True)
    roomy, decay, share = chosen(0.35)[:, 0, 0] > 0, uniform(2.0, 25.0), uniform(0.03, 0.3)
    if bool(roomy.any()):
        mel[roomy] = _smear(mel[roomy], decay[roomy], share[roomy])
    noisy, slope = chosen(0.4)[:, 0, 0] > 0, torch.linspace(0, 1, bands) * uniform(-30, 3, 1, 1)
    level = (uniform(-105, -62, 1, 1) + slope)[noisy]
    rough = torch.randn(len(level), frames, bands, generator=generator) * 2.0
    mel[noisy] = _decibels(_power(mel[noisy]) + _power(level + rough))
    mel = mel + uniform(-18, 8, 1, 1)
    mel = torch.roll(mel, int(torch.randint(frames, (), generator=generator)), dims=1)
    return _gaps(mel, generator).clamp_min(FLOOR_DB)


def _smear(mel: Tensor, decay: Tensor, share: Tensor) -> Tensor:
    """Add an exponentially decaying tail of ``decay`` (B,) frames with a share (B,) of the power of a frame in each."""
    length = 60
    times = torch.arange(length)
    kernel = share[:, None] * torch.exp(-times / decay[:, None]) / decay[:, None].sqrt()
    kernel[:, 0] = 1.0
    power = _power(mel).permute(2, 0, 1)
    padded = functional.pad(power, (length - 1, 0))
    smeared = functional.conv1d(padded, kernel.flip(1)[:, None], groups=len(mel))
    return _decibels(smeared.permute(1, 2, 0))


def _gaps(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Hide a few bands and some time (Park 2019), and end one clip in twelve early."""
    count, frames, bands = mel.shape
    mel = mel.clone()
    for index in range(count):
        draws = torch.rand(6, generator=generator).tolist()
        if draws[0] < 0.4:
            low, width = int(draws[1] * bands), int(draws[2] * 8)
            mel[index, :, low : low + width] = -75.0
        if draws[3] < 0.4:
            start, length = int(draws[4] * frames), int(draws[5] * 60)
            mel[index, start : start + length] = FLOOR_DB
        elif draws[3] > 0.92:
            mel[index, int(frames * (0.08 + 0.9 * draws[4])) :] = FLOOR_DB
    return mel
