"""Schedulers: the way from noise to a sample, one request at a time."""

from __future__ import annotations

from backends.diffusion.pipeline import Pipeline
from backends.diffusion.schedulers.ddim import Ddim
from backends.diffusion.schedulers.ddpm import Ddpm
from backends.diffusion.schedulers.dpm_multistep import DpmMultistep
from backends.diffusion.schedulers.euler_discrete import EulerDiscrete
from backends.diffusion.schedulers.flow_match_euler import FlowMatchEuler
from backends.diffusion.schedulers.trajectory import StepResult, Trajectory

__all__ = ["SCHEDULERS", "StepResult", "Trajectory", "trajectory"]

SCHEDULERS = ("flow_match_euler", "euler_discrete", "ddim", "dpm_multistep", "ddpm")


def trajectory(name: str, steps: int, pipeline: Pipeline, seed: int = 0) -> Trajectory:
    """The plan of `steps` steps by the scheduler called `name`; `seed` is for those that draw noise at every step.

    Raises:
        ValueError: a name not in `SCHEDULERS`.
    """
    if name == "flow_match_euler":
        return FlowMatchEuler(steps, shift=pipeline.shift)
    if name == "euler_discrete":
        return EulerDiscrete(steps, pipeline.noise_schedule, pipeline.prediction_type)
    if name == "ddim":
        return Ddim(steps, pipeline.noise_schedule, pipeline.prediction_type)
    if name == "dpm_multistep":
        return DpmMultistep(steps, pipeline.noise_schedule, pipeline.prediction_type)
    if name == "ddpm":
        return Ddpm(steps, pipeline.noise_schedule, pipeline.prediction_type, seed)
    raise ValueError(f"no scheduler {name!r}; there are {', '.join(SCHEDULERS)}")
