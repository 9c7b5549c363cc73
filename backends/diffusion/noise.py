"""Where a sample starts: noise of its own, drawn from its seed outside of every graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def initial_noise(seed: int, shape: Sequence[int]) -> FloatArray:
    """Standard normal noise of `shape`, float32.

    Philox is counter-based (Salmon et al., 2011): the stream depends on the 64-bit `seed` alone, never on what was
    drawn before or for whom.
    """
    return np.random.Generator(np.random.Philox(key=seed)).standard_normal(tuple(shape), dtype=np.float32)


def step_noise(seed: int, index: int, shape: Sequence[int]) -> FloatArray:
    """Standard normal noise for step `index` of a sampler that draws at every step, float32.

    The step is the highest word of the counter, so that no stream meets another, nor that of `initial_noise`.
    """
    stream = np.random.Philox(key=seed, counter=[0, 0, 0, index + 1])
    return np.random.Generator(stream).standard_normal(tuple(shape), dtype=np.float32)
