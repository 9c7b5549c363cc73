"""Random fields that look the same at every resolution: finer octaves are only added, never moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.floating[Any]]


def line_noise(rng: np.random.Generator, size: int, octaves: int = 6, rough: float = 0.5, base: int = 3) -> Array:
    """Fractal noise over [0, 1] along one axis: float32 (size,), zero mean, standard deviation about 1."""
    positions = (np.arange(size) + 0.5) / size
    out = np.zeros(size)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        knots = base * 2**octave + 1
        values = rng.standard_normal(knots)
        out += amplitude * np.interp(positions * (knots - 1), np.arange(knots), values)
        power += amplitude**2
        amplitude *= rough
    return np.asarray(out / np.sqrt(power), dtype=np.float32)


def field_noise(
    rng: np.random.Generator,
    size: int,
    octaves: int = 4,
    rough: float = 0.55,
    rows: int = 4,
    columns: int = 4,
) -> Array:
    """Fractal noise over the unit square: float32 (size, size) in [0, 1] with mean about 0.5.

    `rows` and `columns` count the cells of the coarsest octave; unequal counts give streaks.
    """
    out = np.zeros((size, size), dtype=np.float32)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        grid = rng.standard_normal((rows * 2**octave, columns * 2**octave)).astype(np.float32)
        power += (0.55 * amplitude) ** 2
        if min(grid.shape) <= 2 * size:
            out += amplitude * np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))
        amplitude *= rough
    return np.asarray(np.clip(0.5 + out / (5.0 * np.sqrt(power)), 0.0, 1.0), dtype=np.float32)
