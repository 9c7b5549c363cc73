"""The mapping learns what there is to learn, from rows on their own side of the split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from training.chain_of_thought.embed import Triples
from training.embed_diffusion.schedule import kept_variance
from training.embed_diffusion.train import State, _loss, new_model, resume, save
from training.latent_mapper.crossed import crossed
from training.latent_mapper.network import WIDTH, Mapper, graph
from training.latent_mapper.pairs import FOLDS, Pairs, picture_of
from training.latent_mapper.served import served_mapper
from training.latent_mapper.train import measure, train, visual_of

COUNT = 400


@pytest.fixture(scope="module")
def rows() -> Triples:
    """Rationales that are a rotation of what is seen, and music that is a mean of both."""
    rng = np.random.default_rng(0)
    visual = rng.normal(size=(COUNT, WIDTH)).astype(np.float32) * (np.arange(WIDTH) < 12)
    visual /= np.linalg.norm(visual, axis=1, keepdims=True)
    rationale = np.roll(visual, 100, axis=1)
    music = visual + rationale
    return Triples(
        visual=visual.astype(np.float32),
        rationale=rationale,
        music=(music / np.linalg.norm(music, axis=1, keepdims=True)).astype(np.float32),
        emotion=np.zeros((COUNT, 2), np.float32),
        source=np.array(["flickr8k"] * COUNT),
        key=np.array([f"{index}.jpg#0" for index in range(COUNT)]),
        held_out=np.arange(COUNT) % 5 == 0,
    )


def test_rows_stay_on_their_side_and_pictures_stand_in_for_their_captions(rows: Triples) -> None:
    picture = np.full(WIDTH, WIDTH**-0.5, np.float32)
    held_out = Pairs(rows, held_out=True, pictures={"0.jpg": picture})
    assert len(held_out) == COUNT // 5
    assert held_out.pictured.sum() == 1
    seen = visual_of(held_out)
    assert torch.equal(seen[0], torch.from_numpy(picture))
    assert torch.equal(seen[1], held_out.visual[1])
    assert picture_of("a.jpg#4") == "a.jpg"
    assert picture_of("Lake 1") == "Lake 1"
    some = held_out.take(np.array([3, 0]))
    assert [some.key[1], bool(some.pictured[1]), len(some)] == [held_out.key[0], True, 2]
    assert torch.equal(some.music[0], held_out.music[3])


def test_a_batch_has_unit_vectors_and_follows_its_generator(rows: Triples) -> None:
    pairs = Pairs(rows, held_out=False, pictures={})
    one, other = (pairs.draw(32, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.visual, other.visual)
    assert torch.allclose(one.visual.norm(dim=1), torch.ones(32), atol=1e-4)


def test_the_mapper_learns_and_is_served_as_it_was_trained(rows: Triples, tmp_path: Path) -> None:
    pairs, held_out = (Pairs(rows, held_out=side, pictures={}) for side in (False, True))
    model, losses = train(pairs, 200)
    assert losses[-1] < losses[0]
    found = measure(model, held_out)
    assert found["cosine"] > found["cosine_of_the_mean"] + 0.2
    onnx.save(graph(model), str(tmp_path / "model.onnx"))
    served = served_mapper(tmp_path / "model.onnx")(held_out.visual)
    with torch.no_grad():
        assert (served - model(held_out.visual)).norm() / served.norm() < 0.05


def test_a_row_is_predicted_by_a_mapper_that_has_not_seen_its_picture(rows: Triples, tmp_path: Path) -> None:
    pairs = Pairs(rows, held_out=False, pictures={})
    assert set(pairs.fold.tolist()) == set(range(FOLDS))
    run = crossed(pairs, tmp_path / "mappers.pt", 60)
    again = crossed(pairs, tmp_path / "mappers.pt", 0)
    batch = pairs.draw(64, torch.Generator().manual_seed(0))
    assert torch.equal(run(batch), again(batch))
    others = replace(batch, fold=(batch.fold + 1) % FOLDS)
    assert (run(others) - batch.rationale).square().mean() < (run(batch) - batch.rationale).square().mean()


@pytest.mark.parametrize("variant", ["full", "unreasoned", "regression"])
def test_every_variant_has_a_loss_that_falls(rows: Triples, variant: str) -> None:
    pairs = Pairs(rows, held_out=False, pictures={})
    torch.manual_seed(0)
    model = new_model(variant)
    state = State(model, model, pairs.music.mean(0), pairs.music.std(0).clamp(min=1e-3))
    kept = torch.from_numpy(kept_variance().astype(np.float32))
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    mapper = Mapper().eval().requires_grad_(False)
    losses = []
    for step in range(40):
        generator = torch.Generator().manual_seed(step)
        batch = pairs.draw(32, generator)
        loss = _loss(state, variant, batch, lambda drawn: mapper(drawn.visual), kept, generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_a_run_is_found_again(rows: Triples, tmp_path: Path) -> None:
    pairs = Pairs(rows, held_out=False, pictures={})
    assert resume("full", None, tmp_path) is None
    state = resume("full", pairs, tmp_path)
    assert state is not None
    state.step, state.losses = 7, [0.5]
    save(state, "full", tmp_path)
    again = resume("full", None, tmp_path)
    assert again is not None
    assert (again.step, again.losses) == (7, [0.5])
    for name, value in state.average.state_dict().items():
        assert torch.equal(value, again.average.state_dict()[name]), name
