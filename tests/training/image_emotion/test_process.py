"""The process: its graph says what it says, knows what it knows, and answers each row alone."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from training.components import basis_of
from training.image_emotion.process import Process, Recipe, solve
from training.image_emotion.train import build

RECIPE = Recipe(components=6, length=0.7, noise=0.1)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(80, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def process(rows: np.ndarray) -> Process:
    ratings = np.tanh(rows[:, :2])
    return solve(basis_of(rows, RECIPE.components), rows, ratings, np.full(80, RECIPE.noise, np.float32), RECIPE)


def test_it_follows_what_it_was_told_and_doubts_what_is_far_from_it(process: Process, rows: np.ndarray) -> None:
    mean, spread = process.predict(rows)
    for axis in (0, 1):
        assert np.corrcoef(mean[:, axis], np.tanh(rows[:, axis]))[0, 1] > 0.8
    far = np.full((1, 12), 4.0, np.float32)
    assert (process.predict(far)[1] > spread.max(0)).all()
    np.testing.assert_allclose(process.predict(far)[0][0], process.middle, atol=0.05)


def test_its_graph_says_the_same_to_each_row_alone_and_in_company(process: Process, rows: np.ndarray) -> None:
    slopes, error = np.array([0.1, 0.5, -0.2], np.float32), 0.1
    model = build(process, np.ones(2, np.float32), slopes, error)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    emotion, spread = session.run(["emotion", "uncertainty"], {"features": rows})
    mean, deviation = process.predict(rows)
    np.testing.assert_allclose(emotion[:, :2], mean, atol=2e-2)
    np.testing.assert_allclose(spread[:, :2], deviation, atol=2e-2)
    np.testing.assert_allclose(emotion[:, 2], 0.1 + emotion[:, :2] @ slopes[1:], atol=1e-5)
    for place, row in enumerate(rows):
        alone = session.run(["emotion", "uncertainty"], {"features": row[np.newaxis]})
        assert [part.tobytes() for part in alone] == [emotion[place].tobytes(), spread[place].tobytes()]
