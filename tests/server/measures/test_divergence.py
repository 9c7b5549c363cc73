from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.measures import kl_divergence, softmax


def test_it_is_worked_out_by_hand() -> None:
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    first = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert kl_divergence(p, q) == pytest.approx((first + math.log(2.0)) / 2, abs=1e-5)


@given(st.integers(0, 1000))
def test_it_is_zero_for_the_same_and_above_it_for_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(6), 4), rng.dirichlet(np.ones(6), 4)
    assert kl_divergence(p, p) == pytest.approx(0.0, abs=1e-4)
    assert kl_divergence(p, q) > 0.0


def test_a_class_that_was_ruled_out_costs_much_but_not_everything() -> None:
    assert 13.0 < kl_divergence(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) < 14.0


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([[0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]),
        ([[0.5, 0.6]], [[0.5, 0.5]]),
        ([[1.5, -0.5]], [[0.5, 0.5]]),
        ([[math.nan, 1.0]], [[0.5, 0.5]]),
    ],
)
def test_what_is_no_distribution_is_refused(p: list[list[float]], q: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"needed|distribution"):
        kl_divergence(np.array(p), np.array(q))


def test_softmax_keeps_the_order_and_sharpens() -> None:
    soft, sharp = softmax(np.array([1.0, 2.0, 1000.0])), softmax(np.array([1.0, 2.0]), 0.1)
    assert soft == pytest.approx([0.0, 0.0, 1.0])
    assert sharp == pytest.approx([1 / (1 + math.e**10), 1 / (1 + math.e**-10)])
    with pytest.raises(ValueError, match="temperature"):
        softmax(np.ones(2), 0.0)
