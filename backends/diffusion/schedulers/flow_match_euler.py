"""Euler steps along the straight paths of flow matching (Lipman et al., 2023; Liu et al., 2023)."""

from __future__ import annotations

import numpy as np

from backends.diffusion.noise import FloatArray
from backends.diffusion.schedulers.trajectory import StepResult


class FlowMatchEuler:
    """x_t = (1 - t)·noise + t·image; the denoiser predicts the velocity image - noise; t goes from 0 to 1.

    Args:
        steps: number of Euler steps.
        shift: spends more of the steps where noise is high when above 1; with σ = 1 - t the noise level becomes
            shift·σ / (1 + (shift - 1)·σ) (Esser et al., 2024).
    """

    initial_scale = 1.0

    def __init__(self, steps: int, *, shift: float) -> None:
        even = np.arange(steps + 1, dtype=np.float64) / steps
        self._times: FloatArray = (even / (even + shift * (1.0 - even))).astype(np.float32)
        self.timesteps: FloatArray = self._times[:-1]

    def scale_input(self, index: int, sample: FloatArray) -> FloatArray:
        """The sample itself."""
        return sample

    def step(self, index: int, sample: FloatArray, prediction: FloatArray) -> StepResult:
        """Follow the velocity to the next time; followed to the end it gives the clean estimate."""
        now, then = self._times[index], self._times[index + 1]
        return StepResult(sample + (then - now) * prediction, sample + (np.float32(1.0) - now) * prediction)
