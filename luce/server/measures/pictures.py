"""Measures of pixels, and the two composite scores of MusePainter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BES_WEIGHTS: Final = (2.0, 1.0, -2.5)
"""Of the intuitive score, the stylistic score and the extreme penalty (MusePainter §4.1)."""

_EXTREME: Final = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks as a whole, each a mean over its pixels.

    Attributes:
        brightness: Luma (Rec. 601), 0..1.
        warmth: Red minus blue, -1..1.
        value: V of HSV, the largest channel, 0..1.
        saturation: S of HSV, 0..1.
        contrast: Standard deviation of the luma, 0..0.5.
    """

    brightness: float
    warmth: float
    value: float
    saturation: float
    contrast: float


def look_of(pixels: NDArray[np.uint8]) -> Look:
    """Measure a picture, RGB uint8 (height, width, 3).

    Raises:
        ValueError: The array has another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"pixels must be uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    colours = pixels.astype(np.float32) / 255.0
    luma = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    largest, least = colours.max(axis=-1), colours.min(axis=-1)
    saturation = np.where(largest > 0.0, (largest - least) / np.maximum(largest, 1e-6), 0.0)
    return Look(
        brightness=float(luma.mean()),
        warmth=float((colours[..., 0] - colours[..., 2]).mean()),
        value=float(largest.mean()),
        saturation=float(saturation.mean()),
        contrast=float(luma.std()),
    )


def weighted_similarity(emotion: float, usage: float, genre: float, feature: float) -> float:
    """MusePainter's weighted similarity (§4.3): .50 emotion + .30 usage + .15 genre + .05 feature.

    In the unit of its parts; the published 20.77, 12.09, 18.08 and 13.91 give 17.42.
    """
    return 0.50 * emotion + 0.30 * usage + 0.15 * genre + 0.05 * feature


def bes(energies: Sequence[float], looks: Sequence[Look]) -> float:
    """MusePainter's Balanced Expressiveness Score over a set of pictures: 2·S_i + S_s - 2.5·P_e, definition 1 of ours.

    The paper (§4.1) gives the weights and examples of the terms. Here the intuitive score S_i is Spearman's correlation
    of the music's energy with the picture's mean saturation; the stylistic score S_s how far darkness follows energy,
    max(0, -Spearman(energy, mean V)); the extreme penalty P_e the share of pictures that are all black, all white, grey
    or garish (mean V or S outside .05..0.95).

    Args:
        energies: Of the music of each picture; only their order counts.
        looks: One of each picture, at least two.

    Returns:
        -4.5..3.

    Raises:
        ValueError: Fewer than two pictures, or another number of energies.
    """
    if len(energies) != len(looks) or len(looks) < 2:
        raise ValueError(f"need two or more pictures with one energy each, got {len(looks)} and {len(energies)}")
    intuitive = _spearman(energies, [look.saturation for look in looks])
    stylistic = max(0.0, -_spearman(energies, [look.value for look in looks]))
    low, high = _EXTREME
    inside = [low <= look.value <= high and low <= look.saturation <= high for look in looks]
    penalty = 1.0 - sum(inside) / len(inside)
    weights = BES_WEIGHTS
    return weights[0] * intuitive + weights[1] * stylistic + weights[2] * penalty


def _spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Rank correlation, ties sharing their mean rank; 0 where one side is constant."""
    a, b = _ranks(np.asarray(one, np.float64)), _ranks(np.asarray(other, np.float64))
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0.0 else 0.0


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: NDArray[np.float64] = (last - (counts - 1) / 2.0)[group]
    return means
