from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from luce.server.measures import frechet_distance


def clouds(seed: int, count: int = 60, width: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(width, width))
    return rng.normal(size=(count, width)) @ mix, rng.normal(size=(count + 7, width)) + rng.normal(size=width)


def test_one_dimension_is_worked_out_by_hand() -> None:
    # Means 1 and 5, standard deviations √2 and √8: 16 + (√8 - √2)² = 16 + 2.
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [7.0]])) == pytest.approx(18.0)


def test_it_is_the_formula_with_a_matrix_root() -> None:
    one, other = clouds(3)
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = np.real(sqrtm(first @ second))
    expected = np.sum((one.mean(0) - other.mean(0)) ** 2) + np.trace(first + second - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)


@given(st.integers(0, 10_000))
def test_it_is_symmetric_and_only_the_same_is_at_zero(seed: int) -> None:
    one, other = clouds(seed)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-6, abs=1e-9)
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(one, other) > 0.0


@given(st.integers(0, 10_000), st.floats(0.0, 10.0))
def test_a_shift_alone_adds_its_square(seed: int, shift: float) -> None:
    one, _ = clouds(seed)
    assert frechet_distance(one, one + shift) == pytest.approx(4 * shift**2, rel=1e-6, abs=1e-6)


def test_fewer_samples_than_dimensions_are_no_trouble() -> None:
    one = np.random.default_rng(0).normal(size=(5, 40))
    assert np.isfinite(frechet_distance(one, one + 1.0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((1, 3)), np.zeros((4, 3))),
        (np.zeros((4, 3)), np.zeros((4, 2))),
        (np.zeros(3), np.zeros(3)),
        (np.full((4, 3), np.nan), np.zeros((4, 3))),
    ],
)
def test_what_does_not_fit_is_refused(one: np.ndarray, other: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"needed|finite"):
        frechet_distance(one, other)
