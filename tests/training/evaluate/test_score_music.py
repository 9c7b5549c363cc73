"""Whether music feels as photographs do."""

from __future__ import annotations

import numpy as np
import pytest

from luce.emotion import Emotion
from luce.server.chain import Chain, Impression, lexicon
from training.evaluate.score_music import compare, names_of, paired


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
