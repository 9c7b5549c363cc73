"""The head of words: its graph says what it says, whatever the padding and the company."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from training.text_emotion.network import WIDTH, Recipe, Rows, build, fit, stretch_of
from training.text_emotion.train import quadrants


@pytest.fixture(scope="module")
def texts() -> tuple[np.ndarray, np.ndarray]:
    """Sentence vectors (N, 384) and token states (N, 5, 384)."""
    noise = np.random.default_rng(0)
    sentence = noise.normal(size=(96, WIDTH)).astype(np.float32)
    sentence /= np.linalg.norm(sentence, axis=1, keepdims=True)
    return sentence, noise.normal(size=(96, 5, WIDTH)).astype(np.float32)


def test_the_graph_says_the_same_whatever_the_padding_and_the_company(
    texts: tuple[np.ndarray, np.ndarray],
) -> None:
    sentence, states = texts
    inputs = np.concatenate([sentence, states.max(1).clip(min=0), states.min(1).clip(max=0)], 1)
    target = np.tanh(3 * sentence[:, :3]).astype(np.float32)
    head = fit(Rows(inputs, target), Recipe(members=2, hidden=16, epochs=30, batch=32, input_dropout=0.0, dropout=0.0))
    mean, spread = head.predict(inputs)
    assert np.corrcoef(mean[:, 0], target[:, 0])[0, 1] > 0.5
    ones = np.ones(3, np.float32)
    session = onnxruntime.InferenceSession(
        build(head, ones, ones).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = ["emotion", "uncertainty"]
    told = session.run(names, {"sent_emb": sentence, "token_states": states})
    np.testing.assert_allclose(told[0], mean.clip(-1, 1), atol=2e-3)
    np.testing.assert_allclose(told[1], spread, atol=2e-3)
    padded = np.concatenate([states, np.zeros((96, 11, WIDTH), np.float32)], 1)
    for place in range(0, 96, 7):
        row = slice(place, place + 1)
        alone = session.run(names, {"sent_emb": sentence[row], "token_states": padded[row]})
        assert [part.tobytes() for part in alone] == [part[row].tobytes() for part in told]


def test_answers_are_stretched_to_the_spread_of_the_truth() -> None:
    truth = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    narrow = truth * np.array([1, 0.5, 0.25], np.float32)
    assert stretch_of(truth, narrow) == pytest.approx(np.array([1, 2, 4]), rel=1e-4)


def test_a_quadrant_is_told_only_where_both_axes_are_clear() -> None:
    points = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [0, 1], [0, -1]], np.float32)
    assert quadrants(points).tolist() == [3, 1, 0, 2, -1, -1]
