"""Ancestral sampling (Ho et al., 2020): fresh noise at every step, over evenly spaced training steps."""

from __future__ import annotations

import numpy as np

from backends.diffusion.noise import FloatArray, step_noise
from backends.diffusion.pipeline import NoiseSchedule
from backends.diffusion.schedulers.trajectory import StepResult, alphas_cumprod, clean_estimate, leading_timesteps


class Ddpm:
    """Draws from the posterior of the next visited step, given sample and clean estimate (Nichol & Dhariwal, 2021).

    With many steps it follows the training most closely; `Ddim` and `DpmMultistep` need fewer. The noise of a step is
    the request's own (`step_noise`).

    Args:
        steps: number of steps.
        schedule: betas of the training.
        prediction_type: "epsilon", "v_prediction" or "sample".
        seed: of the noise.
    """

    initial_scale = 1.0

    def __init__(self, steps: int, schedule: NoiseSchedule, prediction_type: str, seed: int) -> None:
        visited = leading_timesteps(steps, schedule)
        kept = alphas_cumprod(schedule)[visited]
        after = np.append(kept[1:], 1.0)
        share = kept / after
        self._of_clean: FloatArray = (np.sqrt(after) * (1.0 - share) / (1.0 - kept)).astype(np.float32)
        self._of_sample: FloatArray = (np.sqrt(share) * (1.0 - after) / (1.0 - kept)).astype(np.float32)
        self._deviation: FloatArray = np.sqrt((1.0 - share) * (1.0 - after) / (1.0 - kept)).astype(np.float32)
        self._signal: FloatArray = np.sqrt(kept).astype(np.float32)
        self._noise: FloatArray = np.sqrt(1.0 - kept).astype(np.float32)
        self._prediction_type = prediction_type
        self._seed = seed
        self.timesteps: FloatArray = visited.astype(np.float32)

    def scale_input(self, index: int, sample: FloatArray) -> FloatArray:
        """The sample itself."""
        return sample

    def step(self, index: int, sample: FloatArray, prediction: FloatArray) -> StepResult:
        """The posterior's mean, and noise of its deviation; the last step has none."""
        clean = clean_estimate(self._prediction_type, self._signal[index], self._noise[index], sample, prediction)
        drawn = self._deviation[index] * step_noise(self._seed, index, sample.shape)
        return StepResult(self._of_clean[index] * clean + self._of_sample[index] * sample + drawn, clean)
