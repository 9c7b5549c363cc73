"""Euler steps over the noise levels of a discrete-time model (Karras et al., 2022, algorithm 2 without churn)."""

from __future__ import annotations

import numpy as np

from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import NoiseSchedule
from backends.diffusion.schedulers.trajectory import StepResult, alphas_cumprod, leading_timesteps


class EulerDiscrete:
    """Samples carry noise of deviation σ; the denoiser sees them divided by sqrt(σ² + 1).

    Args:
        steps: number of steps.
        schedule: betas of the training.
        prediction_type: "epsilon", "v_prediction" or "sample".
    """

    def __init__(self, steps: int, schedule: NoiseSchedule, prediction_type: str) -> None:
        signal = alphas_cumprod(schedule)
        visited = leading_timesteps(steps, schedule)
        sigmas = np.sqrt((1.0 - signal) / signal)[visited]
        variances = sigmas**2 + 1.0
        # clean = keep · sample + take · prediction, with the coefficients of the prediction type.
        keep, take = {
            "epsilon": (np.ones_like(sigmas), -sigmas),
            "v_prediction": (1.0 / variances, -sigmas / np.sqrt(variances)),
            "sample": (np.zeros_like(sigmas), np.ones_like(sigmas)),
        }[prediction_type]
        self._keep: FloatArray = keep.astype(np.float32)
        self._take: FloatArray = take.astype(np.float32)
        self._input_scale: FloatArray = (1.0 / np.sqrt(variances)).astype(np.float32)
        self._ratio: FloatArray = (np.append(sigmas[1:], 0.0) / sigmas).astype(np.float32)
        self.timesteps: FloatArray = visited.astype(np.float32)
        self.initial_scale = float(np.sqrt(variances.max()))

    def scale_input(self, index: int, sample: FloatArray) -> FloatArray:
        """Bring the sample to unit variance."""
        scaled: FloatArray = sample * self._input_scale[index]
        return scaled

    def step(self, index: int, sample: FloatArray, prediction: FloatArray) -> StepResult:
        """Take one Euler step: what is not clean shrinks as σ does."""
        clean: FloatArray = self._keep[index] * sample + self._take[index] * prediction
        return StepResult(clean + self._ratio[index] * (sample - clean), clean)
