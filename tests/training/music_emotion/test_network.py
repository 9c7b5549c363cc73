"""The ensemble learns, reproducibly, and its graph computes what torch computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from luce.server.music.descriptors import DESCRIPTOR_COUNT, DESCRIPTOR_NAMES
from luce.server.music.spectra import SAMPLE_RATE
from training.music_emotion import graph, nonmusic
from training.music_emotion.dataset import Dataset
from training.music_emotion.network import Ensemble, Recipe, fit

GATE = graph.Gate(0, -62.0, -54.0)
RECIPE = Recipe(members=3, hidden=(16, 8), dropout=0.05, steps=250, batch=128)


def made_up(pieces: int, seed: int, offset: float = 0.0) -> Dataset:
    """Twenty windows a piece whose emotion follows two descriptors; ``offset`` moves the others away from music."""
    generator = np.random.default_rng(seed)
    count = 20 * pieces
    descriptors = generator.standard_normal((count, DESCRIPTOR_COUNT)).astype(np.float32)
    descriptors[:, 20:] += offset
    descriptors[:, DESCRIPTOR_NAMES.index("loudness")] -= 20
    emotion = (0.5 * np.tanh(descriptors[:, 18:20])).astype(np.float32)
    piece = np.repeat(np.arange(pieces), 20)
    whole = np.arange(count) % 20 == 19
    return Dataset(descriptors, emotion, piece, np.zeros_like(piece), whole, piece < pieces // 5)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Many threads fight over matrices this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sources() -> dict[str, Dataset]:
    return {"vgmidi": made_up(40, 1), "emotify": made_up(30, 2), "non_music": made_up(10, 3, offset=2.0)}


@pytest.fixture(scope="module")
def model(sources: dict[str, Dataset]) -> Ensemble:
    return fit(sources, RECIPE)


def test_the_ensemble_learns_what_the_emotion_follows(model: Ensemble) -> None:
    fresh = made_up(20, 9)
    guess, spread = model.predict(fresh.descriptors)
    for axis in (0, 1):
        assert np.corrcoef(guess[:, axis], fresh.emotion[:, axis])[0, 1] > 0.85
    assert (spread > 0).all()


def test_it_is_unsure_about_what_is_not_music(model: Ensemble) -> None:
    _, on_music = model.predict(made_up(5, 9).descriptors)
    _, on_other = model.predict(made_up(5, 9, offset=2.0).descriptors)
    assert on_other.mean() > 1.5 * on_music.mean()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    model: Ensemble, sources: dict[str, Dataset]
) -> None:
    again, other = fit(sources, RECIPE), fit(sources, replace(RECIPE, seed=8))
    assert torch.equal(model.weights[0], again.weights[0])
    assert not torch.equal(model.weights[0], other.weights[0])


def test_the_graph_answers_as_the_ensemble_where_it_trusts_itself(model: Ensemble, sources: dict[str, Dataset]) -> None:
    rows = sources["vgmidi"].descriptors
    known = graph.familiarity(model, rows)
    served = onnxruntime.InferenceSession(
        graph.build("music_emotion", model, known, GATE, 1.0).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    emotion, uncertainty = served.run(["emotion", "uncertainty"], {"descriptors": rows})
    mean, spread = model.predict(rows)
    distance = known.distance(model.standardise(torch.from_numpy(rows)).numpy())
    trusted = (distance < 0.8 * known.half) & (spread < 0.35).all(axis=1)
    assert trusted.mean() > 0.5
    np.testing.assert_allclose(emotion[trusted], mean[trusted], atol=1e-5)
    np.testing.assert_allclose(uncertainty[trusted], spread[trusted], atol=1e-5)


def test_the_graph_of_silence_and_of_the_far_away_is_ignorance(model: Ensemble, sources: dict[str, Dataset]) -> None:
    rows = sources["vgmidi"].descriptors[:50].copy()
    known = graph.familiarity(model, sources["vgmidi"].descriptors)
    served = onnxruntime.InferenceSession(
        graph.build("music_emotion", model, known, GATE, 1.0).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    silent, strange = rows.copy(), 100 * rows
    silent[:, 0] = -70
    strange[:, 0] = -20
    for unknown in (silent, strange):
        emotion, uncertainty = served.run(["emotion", "uncertainty"], {"descriptors": unknown})
        assert not emotion.any()
        np.testing.assert_allclose(uncertainty, graph.IGNORANCE, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_a_sound_that_is_not_music_lasts_ten_seconds_and_is_the_same_for_the_same_seed(seed: int) -> None:
    first, second = (nonmusic.sound(np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == (round(nonmusic.SECONDS * SAMPLE_RATE),)
    assert np.abs(first).max() <= 1
    assert first.any()
    assert first.tobytes() == second.tobytes()
