"""DPM-Solver++(2M): few deterministic steps of second order (Lu et al., 2022, algorithm 2)."""

from __future__ import annotations

import numpy as np

from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import NoiseSchedule
from backends.diffusion.schedulers.trajectory import StepResult, alphas_cumprod, clean_estimate, trailing_timesteps


class DpmMultistep:
    """Extrapolates the clean estimate from this step and the one before, over λ = log(signal / noise).

    Samples keep unit variance. The first step is of first order, and so is the last, which goes to no noise at all. The
    training steps are visited from the noisiest ("trailing": Lin et al., 2024), which few steps cannot do without.

    Args:
        steps: number of steps.
        schedule: betas of the training.
        prediction_type: "epsilon", "v_prediction" or "sample".
    """

    initial_scale = 1.0

    def __init__(self, steps: int, schedule: NoiseSchedule, prediction_type: str) -> None:
        visited = trailing_timesteps(steps, schedule)
        kept = alphas_cumprod(schedule)[visited]
        signal, noise = np.sqrt(kept), np.sqrt(1.0 - kept)
        half_log = np.log(signal / noise)
        gaps = np.diff(half_log)
        # sample ← shrink · sample + take · (clean + ahead · (clean - clean before)), where for a step h and the step
        # before it, h₀: shrink = noise' / noise, take = signal' (1 - e^-h), ahead = h / (2 h₀).
        self._shrink: FloatArray = np.append(noise[1:] / noise[:-1], 0.0).astype(np.float32)
        self._take: FloatArray = np.append(signal[1:] * -np.expm1(-gaps), 1.0).astype(np.float32)
        ahead = np.zeros(steps)
        ahead[1:-1] = gaps[1:] / (2.0 * gaps[:-1])
        self._ahead: FloatArray = ahead.astype(np.float32)
        self._signal: FloatArray = signal.astype(np.float32)
        self._noise: FloatArray = noise.astype(np.float32)
        self._prediction_type = prediction_type
        self._before: FloatArray | None = None
        self.timesteps: FloatArray = visited.astype(np.float32)

    def scale_input(self, index: int, sample: FloatArray) -> FloatArray:
        """The sample itself."""
        return sample

    def step(self, index: int, sample: FloatArray, prediction: FloatArray) -> StepResult:
        """One step; steps are taken in order, each once."""
        clean = clean_estimate(self._prediction_type, self._signal[index], self._noise[index], sample, prediction)
        aim = clean
        if index and self._before is not None and self._ahead[index]:
            aim = clean + self._ahead[index] * (clean - self._before)
        self._before = clean
        return StepResult(self._shrink[index] * sample + self._take[index] * aim, clean)
