"""The layers and the head of words: their graph says what they say, whatever the padding and the company."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import torch

from export.text_encoder.graph import MIDDLE, Array, BertShape
from training.text_emotion.dataset import CATEGORIES, WIDTH, Texts
from training.text_emotion.fitting import Recipe, batches, name_emotions, rate_emotions, scale_of, stretch_of
from training.text_emotion.network import Feeler, Scale, build
from training.text_emotion.train import Served, quadrants

ONES = np.ones(3, np.float32)
LINEAR = {
    **{f"attention.self.{name}": (WIDTH, WIDTH) for name in ("query", "key", "value")},
    "attention.output.dense": (WIDTH, WIDTH),
    "intermediate.dense": (4 * WIDTH, WIDTH),
    "output.dense": (WIDTH, 4 * WIDTH),
}


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Array]:
    """Random weights of the upper layers, named as the published ones."""
    noise, found = np.random.default_rng(3), {}
    for number in range(MIDDLE, BertShape().layers):
        for name, shape in LINEAR.items():
            found[f"encoder.layer.{number}.{name}.weight"] = noise.normal(0, 0.04, shape).astype(np.float32)
            found[f"encoder.layer.{number}.{name}.bias"] = noise.normal(0, 0.02, shape[0]).astype(np.float32)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            found[f"encoder.layer.{number}.{name}.weight"] = noise.normal(1, 0.1, WIDTH).astype(np.float32)
            found[f"encoder.layer.{number}.{name}.bias"] = noise.normal(0, 0.1, WIDTH).astype(np.float32)
    return found


def texts(count: int, axes: int = 3) -> Texts:
    """Texts of 3 to 14 tokens, as long as real states; what is rated is the mean of the tokens' first values."""
    noise = np.random.default_rng(count)
    ends = np.concatenate([[0], np.cumsum(noise.integers(3, 15, count))]).astype(np.int64)
    states = noise.normal(0, 0.5, (int(ends[-1]), WIDTH))
    means = np.stack([states[a:b, :3].mean(0) for a, b in pairwise(ends)])
    target = np.tanh(means) if axes == 3 else np.repeat(means[:, :1] > 0, axes, axis=1)
    return Texts(states.astype(np.float16), ends, target.astype(np.float32))


def test_the_graph_says_the_same_whatever_the_padding_and_the_company(checkpoint: dict[str, Array]) -> None:
    torch.manual_seed(0)
    feeler, known = Feeler(checkpoint, 0.1).eval(), texts(24)
    torch.nn.init.normal_(feeler.attention.weight, std=0.05)
    torch.nn.init.normal_(feeler.doubt.weight, std=0.02)
    scale = Scale(np.array([0.1, 0, 0], np.float32), 0.5 * ONES)
    graph = build(feeler, scale, ONES, 2 * ONES).SerializeToString()
    states, mask = known.batch(np.arange(24))
    with torch.no_grad():
        answer, logs = feeler(states, mask)
    told = Served(graph)(known)
    np.testing.assert_allclose(told[0], (answer.numpy() * 0.5 + scale.middle).clip(-1, 1), atol=0.03)
    np.testing.assert_allclose(told[1], logs.exp().sqrt().numpy(), rtol=0.03)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def ask(rows: slice, length: int) -> list[Array]:
        more = length - states.shape[1]
        feeds = {
            "middle_states": np.pad(states[rows].numpy(), ((0, 0), (0, more), (0, 0))),
            "attention_mask": np.pad(mask[rows].numpy(), ((0, 0), (0, more))).astype(np.int64),
        }
        return list(session.run(["emotion", "uncertainty"], feeds))

    together = ask(slice(None), 16)
    for place in range(0, 24, 5):
        for length in (16, 64):
            alone = ask(slice(place, place + 1), length)
            assert [part.tobytes() for part in alone] == [part[place : place + 1].tobytes() for part in together]


def test_what_is_rated_is_learned_after_the_names(checkpoint: dict[str, Array]) -> None:
    torch.manual_seed(0)
    recipe = Recipe(named=120, epochs=12, layer_rate=3e-4, head_rate=3e-3)
    feeler, known = Feeler(checkpoint, 0.0), texts(200)
    before = feeler.categories.weight.detach().clone()
    name_emotions(feeler, texts(150, CATEGORIES), recipe)
    assert not torch.equal(feeler.categories.weight, before)
    average = rate_emotions(feeler, known, scale_of(known), recipe)
    states, mask = known.batch(np.arange(200))
    with torch.no_grad():
        answer, _ = average(states, mask)
    assert np.corrcoef(answer[:, 0].numpy(), known.target[:, 0])[0, 1] > 0.8
    assert not average.training


def test_every_text_is_in_one_batch_beside_texts_of_its_length() -> None:
    known = texts(130)
    found = batches(known, 16, np.random.default_rng(0))
    assert sorted(np.concatenate(found)) == list(range(130))
    assert np.mean([np.ptp(known.lengths[rows]) for rows in found]) < 4


def test_answers_are_stretched_to_the_spread_of_the_truth() -> None:
    truth = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    narrow = truth * np.array([1, 0.5, 0.25], np.float32)
    assert stretch_of(truth, narrow) == pytest.approx(np.array([1, 2, 4]), rel=1e-4)


def test_a_quadrant_is_told_only_where_both_axes_are_clear() -> None:
    points = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [0, 1], [0, -1]], np.float32)
    assert quadrants(points).tolist() == [3, 1, 0, 2, -1, -1]
