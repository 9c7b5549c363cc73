from __future__ import annotations

import numpy as np
import pytest

from luce.server.measures import hit_rate


def vectors(seed: int, count: int = 400, width: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def test_who_meets_its_target_always_finds_it() -> None:
    found = vectors(1)
    assert hit_rate(found * 3.0, found) == 1.0


def test_strangers_find_it_by_chance() -> None:
    assert hit_rate(vectors(1), vectors(2)) == pytest.approx(10 / 70, abs=0.05)
    assert hit_rate(vectors(1), vectors(2), k=35) == pytest.approx(0.5, abs=0.07)


def test_opposites_never_find_it() -> None:
    found = vectors(1)
    assert hit_rate(-found, found) < 0.01


def test_a_collapse_to_one_vector_is_chance_not_success() -> None:
    same = np.ones((100, 8))
    assert hit_rate(vectors(3, 100, 8), same) == pytest.approx(10 / 70)


def test_three_candidates_are_worked_out_by_hand() -> None:
    meant = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    generated = np.array([[0.9, 0.1], [0.9, 0.1], [-1.0, 0.1]])
    # The second lies nearer to the first's target than to its own.
    assert hit_rate(generated, meant, k=1, candidates=3) == pytest.approx(2 / 3)
    assert hit_rate(generated, meant, k=2, candidates=3) == 1.0


def test_the_draw_follows_the_seed() -> None:
    one, other = vectors(1), vectors(1) + 1.5 * vectors(2)
    assert hit_rate(one, other, seed=4) == hit_rate(one, other, seed=4)


@pytest.mark.parametrize(
    ("one", "other"),
    [(np.ones((69, 2)), np.ones((69, 2))), (np.ones((80, 2)), np.ones((80, 3))), (np.zeros((80, 2)), np.ones((80, 2)))],
)
def test_what_does_not_fit_is_refused(one: np.ndarray, other: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"needed|zero"):
        hit_rate(one, other)
