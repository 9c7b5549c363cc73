"""From logits to a token: edges of temperature, top-k and top-p, and what a draw is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.autoregressive.sampling import (
    draw,
    generator,
    guide,
    keep_top_k,
    keep_top_p,
    log_softmax,
    pick,
    restrict,
)

LOGITS = np.array([1.0, 3.0, 2.0, 3.0, -np.inf, 0.0], np.float32)

logits = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30).map(lambda v: np.array(v, np.float32))
uniforms = st.floats(0, 1, exclude_max=True)


def kept(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[int]:
    return np.flatnonzero(values > -np.inf).tolist()


def test_temperature_zero_takes_the_most_probable_token_and_the_lower_one_of_two() -> None:
    assert pick(LOGITS, 0.99, temperature=0, top_k=0, top_p=1.0) == 1


def test_the_most_probable_tokens_are_kept_and_the_lower_ones_among_equals() -> None:
    values = LOGITS.astype(np.float64)
    assert [kept(keep_top_k(values, k)) for k in (1, 2, 3, 5)] == [[1], [1, 3], [1, 2, 3], [0, 1, 2, 3, 5]]
    assert kept(keep_top_k(values, 0)) == kept(keep_top_k(values, 6)) == kept(keep_top_k(values, 99))


def test_more_tokens_than_there_are_is_all_that_may_come() -> None:
    values = np.array([-np.inf, 1.0, -np.inf, 0.0])
    assert kept(keep_top_k(values, 3)) == [1, 3]


def test_the_nucleus_holds_the_token_that_reaches_the_share() -> None:
    values = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    assert kept(keep_top_p(values, 0.5)) == [0]
    assert kept(keep_top_p(values, 0.51)) == [0, 1]
    assert kept(keep_top_p(values, 0.9)) == [0, 1, 2]
    assert kept(keep_top_p(values, 1.0)) == [0, 1, 2, 3]
    assert kept(keep_top_p(values, 1e-9)) == [0]


@given(logits, st.integers(1, 30), st.floats(0.01, 1))
def test_what_is_kept_is_more_probable_than_what_is_not(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], k: int, p: float
) -> None:
    doubles = values.astype(np.float64)
    few = keep_top_k(doubles, k)
    assert len(kept(few)) == min(k, len(values))
    normal = log_softmax(few)
    nucleus = keep_top_p(normal, p)
    inside, outside = kept(nucleus), set(kept(few)) - set(kept(nucleus))
    assert inside
    assert all(normal[i] >= normal[o] for i in inside for o in outside)


@given(logits, uniforms, st.integers(0, 30), st.floats(0.05, 1), st.floats(0.01, 5))
def test_a_token_that_is_not_allowed_never_comes(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], uniform: float, k: int, p: float, temperature: float
) -> None:
    allowed = np.zeros(len(values) + 2, bool)
    allowed[1 : len(values) + 1 : 2] = True
    wide = restrict(np.concatenate([values, values[:1], values[:1]]), allowed)
    assert allowed[pick(wide, uniform, temperature=temperature, top_k=k, top_p=p)]


def test_draws_follow_the_probabilities() -> None:
    """Chi-squared with 3 degrees of freedom: 16.3 is exceeded in one of 1000 cases; the seed is fixed."""
    shares = np.array([0.5, 0.25, 0.2, 0.05])
    random = generator(3)
    found = np.bincount([draw(np.log(shares), random.random()) for _ in range(4000)], minlength=4)
    assert (((found - 4000 * shares) ** 2) / (4000 * shares)).sum() < 16.3


@pytest.mark.parametrize("uniform", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_a_draw_never_leaves_the_tokens_that_can_come(uniform: float) -> None:
    assert draw(np.array([-np.inf, 0.0, -np.inf, -800.0, -np.inf]), uniform) in (1, 3)


def test_low_temperature_is_greedy_and_high_temperature_is_even() -> None:
    even = np.array([0.0, 0.1, 0.2], np.float32)
    uniforms = [(index + 0.5) / 300 for index in range(300)]
    cold = [pick(even, uniform, temperature=1e-4, top_k=0, top_p=1.0) for uniform in uniforms]
    hot = [pick(even, uniform, temperature=1e4, top_k=0, top_p=1.0) for uniform in uniforms]
    assert set(cold) == {2}
    assert np.bincount(hot).tolist() == [100, 100, 100]


def test_guidance_goes_from_one_row_past_the_other() -> None:
    with_it, without = np.array([2.0, 1.0], np.float32), np.array([1.0, 3.0], np.float32)
    assert guide(with_it, without, 0.0).tolist() == without.tolist()
    assert guide(with_it, without, 1.0).tolist() == with_it.tolist()
    assert guide(with_it, without, 3.0).tolist() == [4.0, -3.0]


def test_streams_depend_on_the_seed_alone() -> None:
    first, second, other = generator(2**64 - 1), generator(2**64 - 1), generator(0)
    assert first.random(8).tolist() == second.random(8).tolist()
    assert generator(0).random(8).tolist() == other.random(8).tolist() != first.random(8).tolist()
