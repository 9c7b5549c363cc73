"""The noise schedule of the training: 1000 steps of a cosine (Nichol & Dhariwal 2021), as the backend reads it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TRAIN_STEPS = 1000
_OFFSET = 0.008
_LARGEST_BETA = 0.999


def kept_variance() -> npt.NDArray[np.float64]:
    """Share of the clean sample's variance that is left after each step, (1000,)."""
    edge = np.cos((np.arange(TRAIN_STEPS + 1) / TRAIN_STEPS + _OFFSET) / (1.0 + _OFFSET) * np.pi / 2.0) ** 2
    betas = np.minimum(1.0 - edge[1:] / edge[:-1], _LARGEST_BETA)
    kept: npt.NDArray[np.float64] = np.cumprod(1.0 - betas)
    return kept
