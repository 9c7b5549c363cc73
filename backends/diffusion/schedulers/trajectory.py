"""What the engine asks of a scheduler, and the noise schedules that discrete-time schedulers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import NoiseSchedule


@dataclass(frozen=True, slots=True)
class StepResult:
    """A sample after one step, and the clean sample that this step's prediction points at."""

    sample: FloatArray
    clean: FloatArray


class Trajectory(Protocol):
    """One request's plan. All arithmetic is float32 on the request's own arrays, so company cannot change a bit."""

    timesteps: FloatArray
    """What the denoiser is told at each step, shape (steps,)."""

    initial_scale: float
    """Factor on standard normal noise for the first sample."""

    def scale_input(self, index: int, sample: FloatArray) -> FloatArray:
        """The sample as the denoiser wants to see it at step `index`."""

    def step(self, index: int, sample: FloatArray, prediction: FloatArray) -> StepResult:
        """Go from step `index` to the next."""


def alphas_cumprod(schedule: NoiseSchedule) -> npt.NDArray[np.float64]:
    """Share of the signal's variance that is left after each training step, shape (train_steps,).

    "linear" is Ho et al. (2020), "scaled_linear" Rombach et al. (2022), "cosine" Nichol and Dhariwal (2021) with
    s = 0.008 and betas capped at 0.999.

    Raises:
        ValueError: an unknown name in `schedule.betas`.
    """
    count = schedule.train_steps
    if schedule.betas == "linear":
        betas = np.linspace(schedule.beta_start, schedule.beta_end, count)
    elif schedule.betas == "scaled_linear":
        betas = np.linspace(schedule.beta_start**0.5, schedule.beta_end**0.5, count) ** 2
    elif schedule.betas == "cosine":
        edge = np.cos((np.arange(count + 1) / count + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.minimum(1 - edge[1:] / edge[:-1], 0.999)
    else:
        raise ValueError(f"betas {schedule.betas!r}; there are linear, scaled_linear, cosine")
    signal: npt.NDArray[np.float64] = np.cumprod(1.0 - betas, dtype=np.float64)
    return signal


def leading_timesteps(steps: int, schedule: NoiseSchedule) -> npt.NDArray[np.int64]:
    """Training steps to visit, from the noisiest, evenly spaced from the start ("leading" in the usual terms)."""
    ratio = schedule.train_steps // steps
    return np.minimum(np.arange(steps)[::-1] * ratio + schedule.steps_offset, schedule.train_steps - 1)


def trailing_timesteps(steps: int, schedule: NoiseSchedule) -> npt.NDArray[np.int64]:
    """Training steps to visit, evenly spaced back from the noisiest, which is the first ("trailing")."""
    spaced = schedule.train_steps * (1.0 - np.arange(steps) / steps)
    return np.maximum(np.round(spaced).astype(np.int64) - 1, 0)


def clean_estimate(
    prediction_type: str, signal: Any, noise: Any, sample: FloatArray, prediction: FloatArray
) -> FloatArray:
    """The clean sample that a prediction points at; `sample` is signal · clean + noise · normal (float32)."""
    clean = prediction
    if prediction_type == "epsilon":
        clean = (sample - noise * prediction) / signal
    elif prediction_type == "v_prediction":
        clean = signal * sample - noise * prediction
    return clean
