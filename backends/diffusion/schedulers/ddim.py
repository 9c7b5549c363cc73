"""Deterministic implicit steps (Song et al., 2021, η = 0), for models over embeddings and as a second choice."""

from __future__ import annotations

import numpy as np

from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import NoiseSchedule
from backends.diffusion.schedulers.trajectory import StepResult, alphas_cumprod, clean_estimate, leading_timesteps


class Ddim:
    """Samples keep unit variance: sqrt(a)·clean + sqrt(1 - a)·noise, with a from the training's betas.

    The clean estimate is not clipped: embeddings have no natural range.

    Args:
        steps: number of steps.
        schedule: betas of the training.
        prediction_type: "epsilon", "v_prediction" or "sample".
    """

    initial_scale = 1.0

    def __init__(self, steps: int, schedule: NoiseSchedule, prediction_type: str) -> None:
        visited = leading_timesteps(steps, schedule)
        signal = np.append(alphas_cumprod(schedule)[visited], 1.0)
        self._signal: FloatArray = np.sqrt(signal).astype(np.float32)
        self._noise: FloatArray = np.sqrt(1.0 - signal).astype(np.float32)
        self._prediction_type = prediction_type
        self.timesteps: FloatArray = visited.astype(np.float32)

    def scale_input(self, index: int, sample: FloatArray) -> FloatArray:
        """The sample itself."""
        return sample

    def step(self, index: int, sample: FloatArray, prediction: FloatArray) -> StepResult:
        """Split the sample into signal and noise, and mix them anew for the next step."""
        signal, noise = self._signal[index], self._noise[index]
        clean = clean_estimate(self._prediction_type, signal, noise, sample, prediction)
        if self._prediction_type == "epsilon":
            epsilon = prediction
        elif self._prediction_type == "v_prediction":
            epsilon = noise * sample + signal * prediction
        else:
            epsilon = (sample - signal * prediction) / noise
        return StepResult(self._signal[index + 1] * clean + self._noise[index + 1] * epsilon, clean)
