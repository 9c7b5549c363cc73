"""Whether music feels as photographs do."""

from __future__ import annotations

import numpy as np
import pytest

from luce.emotion import Emotion
from luce.server.chain import Chain, Impression, lexicon
from training.evaluate.score_music import CAPTION, PICTURE, compare, fitted, paired, table
from training.evaluate.score_pieces import Piece, names_of


def points(seed: int, count: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.8, 0.8, (count, 2))


def test_the_same_feeling_is_a_full_match() -> None:
    row = compare("same", points(1), points(1))
    assert (row.match, row.ems) == (1.0, 0.0)
    assert row.valence_r == pytest.approx(1.0)


def test_a_distance_is_on_luces_scale() -> None:
    rated = np.array([[0.0, 0.0], [0.6, 0.8]])
    row = compare("off", rated, rated - np.array([[0.6, 0.8], [0.6, 0.8]]))
    assert row.ems == pytest.approx(1.0)
    assert row.match == pytest.approx(1.0 - 1.0 / np.sqrt(8.0))


def test_the_nearer_music_wins_the_paired_test_and_a_tie_wins_nothing() -> None:
    rated = points(1)
    near, far = rated * 0.9, rated * 0.2
    gain, p = paired(rated, near, far)
    assert gain > 0.05
    assert p < 1e-6
    assert paired(rated, far, near)[1] > 0.99
    assert paired(rated, near, near) == (0.0, 1.0)


def test_a_way_is_compared_with_the_picture_and_with_music_dealt_to_others() -> None:
    rated = points(1)
    ways = {
        PICTURE: [Piece(point, 0.9 * point, 0.0, np.zeros(37)) for point in rated],
        CAPTION: [Piece(point, 0.2 * point, 0.5, np.zeros(37)) for point in rated],
    }
    rows, gains = table(rated, ways, lambda pieces: np.stack([piece.felt for piece in pieces]))
    assert [row.name for row in rows][:2] == [PICTURE, CAPTION]
    assert rows[0].match > rows[1].match > rows[2].match
    assert [(gain.over, gain.mean > 0.05, gain.p < 1e-6) for gain in gains] == [(CAPTION, True, True)]
    assert ways[PICTURE][0].distance == pytest.approx(0.1 * np.hypot(*rated[0]))


def test_captions_are_fitted_to_ratings_by_a_line_and_stay_in_range() -> None:
    read = points(1)
    rated = 0.1 + read @ np.array([[2.0, 0.0], [0.0, -1.0]])
    others = points(2)
    np.testing.assert_allclose(
        fitted(read, rated, others), np.clip(0.1 + others * np.array([2.0, -1.0]), -1, 1), atol=1e-9
    )


def test_the_composer_has_almost_every_instrument_of_the_chain() -> None:
    asked = [
        Chain().think(Impression(Emotion(v, a)), seed)
        for v in (-0.8, 0.0, 0.8)
        for a in (-0.8, 0.8)
        for seed in range(9)
    ]
    named = [len(names_of(thought.controls)) / len(thought.controls.programs) for thought in asked]
    assert np.mean(named) > 0.8
    assert len(lexicon().instruments) > 30
