"""Changes of log-mel windows: they keep the shape and the floor, and add as sounds add."""

from __future__ import annotations

import numpy as np
import torch

from luce.server.music.log_mel import FLOOR_DB, log_mel_window
from training.audio_encoder import changes
from training.audio_encoder.clips import pack, unpack


def windows(count: int) -> torch.Tensor:
    noise = np.random.default_rng(3).standard_normal((count, 160000)).astype(np.float32) * 0.05
    return torch.from_numpy(np.stack([log_mel_window(samples) for samples in noise]))


def test_mixing_two_windows_is_near_the_window_of_the_mixed_sound() -> None:
    random = np.random.default_rng(1)
    first, second = (random.standard_normal(160000).astype(np.float32) * gain for gain in (0.05, 0.03))
    one, other = (torch.from_numpy(log_mel_window(part))[None] for part in (first, second))
    mixed = changes.mix(one, other, torch.zeros(1))
    truth = log_mel_window(first + second)
    assert abs(float(mixed[0].mean()) - float(truth.mean())) < 0.5


def test_a_distorted_window_stays_a_window() -> None:
    mel = windows(8)
    changed = changes.distort(mel, torch.Generator().manual_seed(0))
    assert changed.shape == mel.shape
    assert bool(torch.isfinite(changed).all())
    assert float(changed.min()) >= FLOOR_DB
    assert float((changed - mel).abs().mean()) > 1


def test_the_same_seed_distorts_the_same_way() -> None:
    mel = windows(4)
    first, second = (changes.distort(mel, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)


def test_packed_windows_are_within_a_fifth_of_a_decibel() -> None:
    mel = windows(1).numpy()
    assert np.abs(unpack(pack(mel)) - mel).max() <= 0.2 + 1e-4
