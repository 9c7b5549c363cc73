"""Schedulers against what is known of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backends.diffusion.noise import initial_noise, step_noise
from backends.diffusion.pipeline import NoiseSchedule
from backends.diffusion.schedulers import Trajectory
from backends.diffusion.schedulers.ddim import Ddim
from backends.diffusion.schedulers.ddpm import Ddpm
from backends.diffusion.schedulers.dpm_multistep import DpmMultistep
from backends.diffusion.schedulers.euler_discrete import EulerDiscrete
from backends.diffusion.schedulers.flow_match_euler import FlowMatchEuler
from backends.diffusion.schedulers.trajectory import alphas_cumprod

SHAPE = (3, 4, 4)
TARGET = initial_noise(99, SHAPE)
SCHEDULE = NoiseSchedule()


def ancestral(steps: int, schedule: NoiseSchedule, prediction_type: str) -> Trajectory:
    return Ddpm(steps, schedule, prediction_type, seed=5)


def walk(path: Trajectory, predict: object, noise: NDArray[np.float32]) -> NDArray[np.float32]:
    sample = noise * np.float32(path.initial_scale)
    for index in range(len(path.timesteps)):
        sample = path.step(index, sample, predict(index, sample)).sample  # type: ignore[operator]
    return sample


@settings(deadline=None)
@given(steps=st.integers(1, 60), shift=st.floats(0.3, 6.0), seed=st.integers(0, 2**64 - 1))
def test_straight_paths_end_at_the_image_whatever_steps_and_shift(steps: int, shift: float, seed: int) -> None:
    noise = initial_noise(seed, SHAPE)
    path = FlowMatchEuler(steps, shift=shift)
    found = walk(path, lambda index, sample: TARGET - noise, noise)
    np.testing.assert_allclose(found, TARGET, atol=1e-4)
    assert path.timesteps[0] == 0
    assert (np.diff(path.timesteps) > 0).all()
    np.testing.assert_allclose(path.step(0, noise, TARGET - noise).clean, TARGET, atol=1e-5)


def test_a_shift_above_one_spends_more_steps_where_noise_is_high() -> None:
    assert (FlowMatchEuler(10, shift=3.0).timesteps[1:] < FlowMatchEuler(10, shift=1.0).timesteps[1:]).all()


def test_the_noise_levels_are_those_of_sdxl() -> None:
    """0.0047 and 0.9991 by hand: alpha-bar of scaled-linear betas .00085 to .012 over 1000 steps."""
    signal = alphas_cumprod(SCHEDULE)
    np.testing.assert_allclose([signal[0], signal[-1]], [0.99915, 0.0046600], rtol=1e-4)
    path = EulerDiscrete(50, SCHEDULE, "epsilon")
    assert path.timesteps[[0, -1]].tolist() == [981, 1]


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("kind", [EulerDiscrete, Ddim, DpmMultistep, ancestral])
def test_a_perfect_denoiser_ends_at_its_target(kind: Callable[..., Trajectory], prediction_type: str) -> None:
    path = kind(20, SCHEDULE, prediction_type)
    signal = alphas_cumprod(SCHEDULE)[path.timesteps.astype(int)]

    def predict(index: int, sample: NDArray[np.float32]) -> NDArray[np.float32]:
        a, b = np.sqrt(signal[index]), np.sqrt(1 - signal[index])
        unit = path.scale_input(index, sample)
        epsilon = (unit - a * TARGET) / b
        perfect = {"epsilon": epsilon, "v_prediction": a * epsilon - b * TARGET, "sample": TARGET}[prediction_type]
        return np.asarray(perfect, dtype=np.float32)

    np.testing.assert_allclose(walk(path, predict, initial_noise(1, SHAPE)), TARGET, atol=2e-3)


def test_euler_steps_are_ddim_steps_in_other_units() -> None:
    noise = initial_noise(3, SHAPE)
    ends = []
    for kind in (EulerDiscrete, Ddim):
        path = kind(10, SCHEDULE, "epsilon")

        def predict(index: int, sample: NDArray[np.float32], path: EulerDiscrete | Ddim = path) -> NDArray[np.float32]:
            return np.tanh(path.scale_input(index, sample))

        ends.append(walk(path, predict, noise))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-3)


def test_cosine_betas_keep_less_signal_at_every_step() -> None:
    signal = alphas_cumprod(NoiseSchedule(betas="cosine"))
    assert (np.diff(signal) < 0).all()
    assert signal[0] > 0.999
    assert signal[-1] < 1e-3


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_noise_follows_from_the_seed_alone(seed: int) -> None:
    first = initial_noise(seed, (2, 8))
    np.random.default_rng(0).standard_normal(5)
    assert first.tobytes() == initial_noise(seed, (2, 8)).tobytes()
    assert first.tobytes() != initial_noise(seed ^ 1, (2, 8)).tobytes()


@pytest.mark.parametrize(("kind", "steps"), [(ancestral, 200), (Ddim, 200), (DpmMultistep, 30)])
def test_normal_data_come_out_with_their_mean_and_spread(kind: Callable[..., Trajectory], steps: int) -> None:
    """The best denoiser of normal data is known: E[clean | sample], linear in the sample."""
    mean, deviation = 1.5, 0.4
    cosine = NoiseSchedule(betas="cosine")
    path = kind(steps, cosine, "sample")
    kept = alphas_cumprod(cosine)[path.timesteps.astype(int)]

    def predict(index: int, sample: NDArray[np.float32]) -> NDArray[np.float32]:
        a, variance = np.sqrt(kept[index]), deviation**2
        gain = a * variance / (kept[index] * variance + 1 - kept[index])
        return np.asarray(mean + gain * (sample - a * mean), dtype=np.float32)

    found = walk(path, predict, initial_noise(2, (20_000,)))
    assert found.mean() == pytest.approx(mean, abs=0.02)
    assert found.std() == pytest.approx(deviation, rel=0.06)


def test_second_order_needs_fewer_steps_than_first() -> None:
    cosine = NoiseSchedule(betas="cosine")
    noise = initial_noise(4, SHAPE)

    def end(kind: Callable[..., Trajectory], steps: int) -> NDArray[np.float32]:
        path = kind(steps, cosine, "sample")
        return walk(path, lambda index, sample: np.tanh(2.0 * sample).astype(np.float32), noise)

    exact = end(DpmMultistep, 500)
    few, fewer = (float(np.abs(end(DpmMultistep, steps) - exact).max()) for steps in (40, 10))
    assert few < fewer / 4


def test_one_step_goes_straight_to_the_estimate() -> None:
    path = DpmMultistep(1, SCHEDULE, "sample")
    np.testing.assert_array_equal(path.step(0, TARGET * 0, TARGET).sample, TARGET)
    assert path.timesteps.tolist() == [999]


def test_ancestral_noise_is_the_requests_own_and_new_at_every_step() -> None:
    drawn = [step_noise(7, index, (50,)) for index in range(4)]
    assert step_noise(7, 2, (50,)).tobytes() == drawn[2].tobytes()
    streams = {noise.tobytes() for noise in [*drawn, initial_noise(7, (50,)), step_noise(8, 0, (50,))]}
    assert len(streams) == 6
    one, other = (Ddpm(5, SCHEDULE, "sample", seed).step(0, TARGET, TARGET).sample for seed in (1, 2))
    assert np.abs(one - other).max() > 0.01
