"""What composed music is like, on music whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from luce.server.measures.music import (
    note_density,
    pitch_class_entropy,
    quadrant,
    quadrant_check,
    self_similarity,
)
from luce.server.music.notes import Notes


def notes(onsets: list[float], pitches: list[int]) -> Notes:
    return Notes.sorted(onsets, [onset + 0.2 for onset in onsets], pitches, [0.5] * len(onsets))


def test_the_quadrants_are_numbered_against_the_clock_from_pleasant_and_excited() -> None:
    assert [quadrant(v, a) for v, a in ((0.1, 0.1), (-0.1, 0.1), (-0.1, -0.1), (0.1, -0.1))] == [1, 2, 3, 4]


def test_entropy_is_zero_for_one_pitch_class_and_log_12_for_all() -> None:
    assert pitch_class_entropy(notes([0, 1, 2], [60, 72, 48])) == 0
    assert pitch_class_entropy(notes([float(i) for i in range(12)], list(range(60, 72)))) == pytest.approx(
        math.log2(12)
    )
    assert pitch_class_entropy(notes([], [])) == 0


def test_density_is_notes_a_second() -> None:
    assert note_density(notes([0, 1, 2], [60, 61, 62]), 6.0) == 0.5


def test_a_repeated_bar_is_like_itself_and_bars_without_a_common_note_are_not() -> None:
    assert self_similarity(notes([0, 1, 2, 3, 4, 5], [60, 64, 60, 64, 60, 64]), 2.0) == pytest.approx(1)
    assert self_similarity(notes([0, 2, 4], [60, 61, 62]), 2.0) == 0
    assert self_similarity(notes([0, 1, 2, 3], [60, 64, 60, 65]), 2.0) == pytest.approx(0.5)
    assert self_similarity(notes([0, 2, 4], [60, 61, 60]), 2.0) == pytest.approx(0.5)


def test_quadrants_that_differ_are_told_from_quadrants_that_do_not() -> None:
    quadrants = [1, 2, 3, 4] * 25
    random = np.random.default_rng(0)
    lengths = random.normal(0.4, 0.05, 100)
    same = quadrant_check(quadrants, list(random.random(100) < 0.5), lengths)
    assert min(same.major_p, same.length_p) > 0.01
    major = [number in (1, 4) for number in quadrants]
    longer = lengths + np.array([0.4 if number in (3, 4) else 0.0 for number in quadrants])
    apart = quadrant_check(quadrants, major, longer)
    assert max(apart.major_p, apart.length_p) < 1e-6
    assert apart.major_ratio == (1, 0, 0, 1)
    assert apart.pieces == (25, 25, 25, 25)
    assert apart.note_length_s[2] > apart.note_length_s[0] + 0.3


def test_nothing_to_compare_is_no_difference_and_too_little_is_refused() -> None:
    check = quadrant_check([1, 2, 3, 4] * 2, [True] * 8, [0.5] * 8)
    assert (check.major_p, check.length_p) == (1, 1)
    with pytest.raises(ValueError, match="two pieces"):
        quadrant_check([1, 2, 3, 3] * 2, [True] * 8, [0.5] * 8)
    with pytest.raises(ValueError, match="one quadrant"):
        quadrant_check([1, 2, 3, 4], [True] * 8, [0.5] * 8)
