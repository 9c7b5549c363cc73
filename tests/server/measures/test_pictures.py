from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from luce.server.measures import Look, bes, look_of, weighted_similarity


def flat(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((4, 6, 3), (red, green, blue), np.uint8)


def look(value: float, saturation: float) -> Look:
    return Look(brightness=value, warmth=0.0, value=value, saturation=saturation, contrast=0.1)


def test_the_look_of_one_colour() -> None:
    seen = look_of(flat(255, 0, 51))
    assert seen.brightness == pytest.approx(0.299 + 0.114 * 0.2)
    assert seen.warmth == pytest.approx(0.8)
    assert (seen.value, seen.saturation) == pytest.approx((1.0, 1.0))
    assert seen.contrast == pytest.approx(0.0, abs=1e-6)


def test_black_has_no_colour_and_half_white_has_the_most_contrast() -> None:
    assert look_of(flat(0, 0, 0)) == Look(0.0, 0.0, 0.0, 0.0, 0.0)
    halves = np.concatenate([flat(0, 0, 0), flat(255, 255, 255)])
    assert look_of(halves).contrast == pytest.approx(0.5)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        look_of(pixels)


def test_the_published_parts_give_the_published_weighted_similarity() -> None:
    assert weighted_similarity(20.77, 12.09, 18.08, 13.91) == pytest.approx(17.42, abs=0.005)


def test_bes_rewards_colour_and_shadow_that_follow_the_energy() -> None:
    energies = [0.1, 0.5, 0.9]
    follows = [look(0.8, 0.3), look(0.6, 0.5), look(0.4, 0.7)]
    assert bes(energies, follows) == pytest.approx(2.0 + 1.0)
    # Colour against the energy, and no shadow: brighter with it.
    assert bes(energies, follows[::-1]) == pytest.approx(-2.0)


def test_bes_punishes_pictures_without_light_or_colour() -> None:
    dull = [look(0.5, 0.5), look(0.01, 0.5), look(0.5, 0.99), look(0.5, 0.5)]
    assert bes([1, 1, 1, 1], dull) == pytest.approx(-2.5 * 0.5)


def test_bes_needs_pairs() -> None:
    for energies, looks in (([1.0], [look(0.5, 0.5)]), ([1.0, 2.0], [look(0.5, 0.5)])):
        with pytest.raises(ValueError, match="two or more"):
            bes(energies, looks)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=3, max_size=20))
def test_bes_ranks_as_spearman_does(rows: list[tuple[int, int]]) -> None:
    energies = [float(energy) for energy, _ in rows]
    looks = [look(0.5, saturation / 10) for _, saturation in rows]
    if len(set(energies)) == 1 or len({seen.saturation for seen in looks}) == 1:
        assert bes(energies, looks) == pytest.approx(0.0)
    else:
        rank = scipy.stats.spearmanr(energies, [seen.saturation for seen in looks]).statistic
        assert bes(energies, looks) == pytest.approx(2 * rank)
