"""The rows of CoT-VTM's table, on embeddings that are made up."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.score_measures import EmotionProbe, Judge, genre_phrases

COUNT, WIDTH = 120, 24


def units(seed: int, count: int = COUNT) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def emotion_of(music: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(music[:, :2] * 2.0, -1.0, 1.0), np.float32)


@pytest.fixture(scope="module")
def judge() -> Judge:
    meant, trained = units(1), units(2, 2000)
    return Judge(meant, emotion_of(meant), units(3, 8), EmotionProbe(trained, emotion_of(trained)))


def test_the_music_that_was_meant_is_perfect(judge: Judge) -> None:
    row = judge.judge("meant", units(1)[None])
    assert row.frechet == pytest.approx(0.0, abs=1e-3)
    assert row.divergence == pytest.approx(0.0, abs=1e-3)
    assert row.ems < 0.1
    assert row.hits == 100.0
    assert row.spread == 0.0


def test_the_wrong_music_has_the_right_distribution_and_nothing_else(judge: Judge) -> None:
    row = judge.judge("shuffled", np.roll(units(1), 7, axis=0)[None])
    assert row.frechet == pytest.approx(0.0, abs=1e-3)
    assert row.divergence > 0.5
    assert row.ems > 0.3
    assert row.hits < 30.0


def test_one_music_for_all_is_far_from_the_distribution_and_without_spread(judge: Judge) -> None:
    same = np.repeat(units(4, 1), COUNT, axis=0)
    row = judge.judge("collapsed", np.stack([same, same]))
    assert row.frechet > 500.0
    assert row.spread == pytest.approx(0.0, abs=1e-6)


def test_different_musics_for_one_picture_have_a_spread(judge: Judge) -> None:
    assert judge.judge("random", np.stack([units(5), units(6)])).spread == pytest.approx(1.0, abs=0.1)


def test_the_probe_feels_what_is_linear_in_the_embedding_and_stays_in_range() -> None:
    trained, others = units(2, 2000), units(9)
    probe = EmotionProbe(trained, emotion_of(trained))
    assert np.corrcoef(probe(others)[:, 0], emotion_of(others)[:, 0])[0, 1] > 0.95
    assert np.abs(probe(np.float32(50.0) * others)).max() <= 1.0


def test_every_genre_has_a_phrase_of_its_own() -> None:
    assert len(set(genre_phrases())) == len(genre_phrases()) > 20
