from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.emotion import Emotion
from luce.server.measures import ems, va_cosine, va_similarity

POINTS = st.tuples(st.floats(-1, 1), st.floats(-1, 1))


def test_reading_a_falls_with_the_distance() -> None:
    # A distance of .5 on [-1, 1], .25 on the unit square: 1 - .25 / √2.
    assert va_similarity(np.array([0.3, 0.0]), np.array([0.0, -0.4])) == pytest.approx(1 - 0.25 / np.sqrt(2))
    assert va_similarity(np.array([-1.0, -1.0]), np.array([1.0, 1.0])) == pytest.approx(0.0)


@given(POINTS, POINTS)
def test_reading_a_is_the_similarity_of_the_sdk(one: tuple[float, float], other: tuple[float, float]) -> None:
    assert va_similarity(np.array(one), np.array(other)) == pytest.approx(Emotion(*one).similarity(Emotion(*other)))


def test_reading_b_is_the_cosine_on_the_unit_square() -> None:
    # (1, 0) and (0, 1) on [-1, 1] are (1, .5) and (.5, 1) on [0, 1]: 1 / 1.25.
    assert va_cosine(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(0.8)
    # Opposite quadrants are still alike: why this reading says little.
    assert va_cosine(np.array([0.3, 0.3]), np.array([-0.3, -0.3])) == pytest.approx(1.0)


@given(POINTS, POINTS)
def test_both_readings_are_symmetric_and_one_for_the_same_point(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    for measure in (va_similarity, va_cosine):
        assert measure(np.array(one), np.array(one)) == pytest.approx(1.0)
        assert measure(np.array(one), np.array(other)) == pytest.approx(measure(np.array(other), np.array(one)))
        assert 0.0 <= measure(np.array(one), np.array(other)) <= 1.0


def test_rows_are_compared_row_by_row() -> None:
    rows = np.array([[0.0, 0.0], [0.5, 0.5]])
    assert va_similarity(rows, rows[::-1]).shape == (2,)
    assert va_cosine(rows, np.array([-1.0, -1.0])) == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize("point", [[1.5, 0.0], [np.nan, 0.0], [0.0], [0.0, 0.0, 0.0]])
def test_what_is_no_point_of_the_plane_is_refused(point: list[float]) -> None:
    with pytest.raises(ValueError, match="valence and arousal"):
        va_similarity(np.array(point), np.array([0.0, 0.0]))


def test_ems_is_the_mean_distance() -> None:
    assert ems(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.3, 0.4], [-1.0, -1.0]])) == pytest.approx(
        (0.5 + np.sqrt(8.0)) / 2
    )
