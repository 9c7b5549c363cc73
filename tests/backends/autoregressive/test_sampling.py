"""From logits to a token: edges of temperature, top-k and top-p, and what a draw is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.autoregressive.sampling import Ask, Mask, generator, guide, log_softmax, pick, top_k

LOGITS = np.array([1.0, 3.0, 2.0, 3.0, -np.inf, 0.0], np.float32)

logits = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30).map(lambda v: np.array(v, np.float32))
uniforms = st.floats(0, 1, exclude_max=True)


def one(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    uniform: float = 0.5,
    *,
    temperature: float = 1.0,
    k: int = 0,
    p: float = 1.0,
    allowed: Mask | None = None,
    held: int | None = None,
) -> tuple[int, float]:
    (found,) = pick(values[None], [Ask(allowed, held, uniform, temperature, k, p)])
    assert found is not None
    return found


def every(shares: list[float], **how: float) -> list[int]:
    """All tokens that can be drawn from these probabilities."""
    values = np.log(np.array(shares, np.float32))
    return sorted({one(values, uniform, **how)[0] for uniform in np.linspace(0, np.nextafter(1.0, 0.0), 1001)})  # type: ignore[arg-type]


def test_temperature_zero_takes_the_most_probable_token_and_the_lower_one_of_two() -> None:
    assert one(LOGITS, 0.99, temperature=0)[0] == 1


def test_the_most_probable_tokens_are_kept_and_the_lower_ones_among_equals() -> None:
    values = LOGITS.astype(np.float64)
    assert [top_k(values, k).tolist() for k in (1, 2, 3, 5)] == [[1], [1, 3], [1, 2, 3], [0, 1, 2, 3, 5]]
    assert top_k(values, 0).tolist() == top_k(values, 6).tolist() == top_k(values, 99).tolist() == [0, 1, 2, 3, 4, 5]
    assert top_k(np.zeros(5), 2).tolist() == [0, 1]


def test_the_nucleus_holds_the_token_that_reaches_the_share() -> None:
    shares = [0.15, 0.5, 0.05, 0.3]
    assert [every(shares, p=p) for p in (1e-9, 0.49, 0.51, 0.9)] == [[1], [1], [1, 3], [0, 1, 3]]
    assert every(shares, p=1.0) == [0, 1, 2, 3]
    assert every([0.25] * 4, p=0.4) == every([0.25] * 4, k=2) == [0, 1]


@given(logits, st.integers(1, 30))
def test_what_is_kept_is_more_probable_than_what_is_not(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], k: int
) -> None:
    few = top_k(values.astype(np.float64), k)
    assert len(set(few)) == min(k, len(values))
    assert all(values[i] >= values[o] for i in few for o in set(range(len(values))) - set(few))


@given(logits, uniforms, st.integers(0, 30), st.floats(0.05, 1), st.floats(0.01, 5), st.none() | st.just(1))
def test_a_token_that_is_not_allowed_never_comes(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    uniform: float,
    k: int,
    p: float,
    temperature: float,
    held: int | None,
) -> None:
    allowed = np.zeros(len(values) + 2, bool)
    allowed[1 : len(values) + 1 : 2] = True
    wide = np.concatenate([values, values[:1], values[:1]])
    token = one(wide, uniform, temperature=temperature, k=k, p=p, allowed=allowed, held=held)[0]
    assert allowed[token]


def test_what_is_held_back_comes_only_where_nothing_else_can() -> None:
    values = np.array([0.0, 9.0, 1.0], np.float32)
    for temperature in (0.0, 1.0):
        assert {one(values, u, temperature=temperature, held=1)[0] for u in (0.0, 0.3, 0.6, 0.99)} <= {0, 2}
        alone = np.array([False, True, False])
        assert one(values, temperature=temperature, held=1, allowed=alone) == (1, 0.0)


def test_draws_follow_the_probabilities() -> None:
    """Chi-squared with 3 degrees of freedom: 16.3 is exceeded in one of 1000 cases; the seed is fixed."""
    shares = np.array([0.5, 0.25, 0.2, 0.05])
    random = generator(3)
    values = np.log(shares).astype(np.float32)
    found = np.bincount([one(values, random.random())[0] for _ in range(4000)], minlength=4)
    assert (((found - 4000 * shares) ** 2) / (4000 * shares)).sum() < 16.3


@pytest.mark.parametrize("uniform", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_a_draw_never_leaves_the_tokens_that_can_come(uniform: float) -> None:
    values = np.array([-np.inf, 0.0, -np.inf, -690.0, -np.inf], np.float32)
    assert one(values, uniform)[0] in (1, 3)


def test_low_temperature_is_greedy_and_high_temperature_is_even() -> None:
    even = np.array([0.0, 0.1, 0.2], np.float32)
    uniforms = [(index + 0.5) / 300 for index in range(300)]
    cold = [one(even, uniform, temperature=1e-4)[0] for uniform in uniforms]
    hot = [one(even, uniform, temperature=1e4)[0] for uniform in uniforms]
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


@given(logits, uniforms, st.just(0.0) | st.floats(1e-3, 3))
def test_log_probabilities_add_up_to_one_and_a_pick_tells_its_own(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float32]], uniform: float, temperature: float
) -> None:
    assert np.exp(log_softmax(values)).sum() == pytest.approx(1)
    token, log_probability = one(values, uniform, temperature=temperature, k=2, p=0.9)
    assert log_probability == pytest.approx(log_softmax(values)[token], abs=1e-9)


asks = st.builds(
    Ask,
    allowed=st.none() | st.lists(st.booleans(), min_size=12, max_size=12).map(lambda v: np.array([*v[:-1], True])),
    held=st.none() | st.integers(0, 11),
    uniform=uniforms,
    temperature=st.just(0.0) | st.just(1.0) | st.floats(0.05, 3),
    k=st.integers(0, 12),
    p=st.just(1.0) | st.floats(0.05, 1),
)
rows = st.lists(st.sampled_from([-3.0, 0.0, 0.5, 1.0, 4.0]) | st.floats(-20, 20, width=32), min_size=12, max_size=12)


@given(st.lists(st.tuples(rows, asks), min_size=1, max_size=9))
def test_a_row_is_drawn_together_with_others_as_it_is_alone(company: list[tuple[list[float], Ask]]) -> None:
    table = np.array([row for row, _ in company], np.float32)
    together = pick(table, [ask for _, ask in company])
    for index, (_, ask) in enumerate(company):
        assert pick(table[index : index + 1], [ask]) == [together[index]]


@pytest.mark.parametrize("spoiled", [[np.nan, 0.0, 900.0], [np.inf, 0.0, 900.0], [-np.inf, -np.inf, 900.0]])
def test_a_row_that_cannot_be_drawn_spoils_no_other(spoiled: list[float]) -> None:
    table = np.array([[1.0, 2.0, 3.0], spoiled], np.float32)
    ask = Ask(np.array([True, True, False]), None, 0.5, 0.7, 0, 0.9)
    alone = pick(table[:1], [ask])
    assert pick(table, [ask, ask]) == [*alone, None]
    assert alone[0] is not None
