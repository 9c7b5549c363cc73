"""The mapping from pictures to music on the real Triton: company changes nothing, seeds and pictures do."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from luce.errors import InvalidArgument
from luce.server.chain import MusicMapper
from luce.server.inference import InferenceClient


def picture(seed: int) -> NDArray[np.float32]:
    vector = np.random.default_rng(seed).normal(size=384).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


async def music(client: InferenceClient, place: int, **wanted: Any) -> bytes:
    return (await MusicMapper(client).map(picture(place), seed=place, deadline=60, **wanted)).embedding.tobytes()


@pytest.mark.parametrize("scheduler", ["dpm_multistep", "ddpm", "ddim"])
async def test_a_music_has_the_same_bytes_alone_and_in_company(inference: InferenceClient, scheduler: str) -> None:
    alone = await music(inference, 3, steps=12, scheduler=scheduler)
    others = [music(inference, place, steps=4 + 3 * place, guidance_scale=[1.0, 2.5][place % 2]) for place in range(5)]
    together = await asyncio.gather(*others[:2], music(inference, 3, steps=12, scheduler=scheduler), *others[2:])
    assert together[2] == alone
    assert len(set(together)) == 6


async def test_one_picture_has_many_musics_and_other_pictures_have_others(inference: InferenceClient) -> None:
    mapper = MusicMapper(inference)
    ideas = [await mapper.map(picture(place), seed=seed) for place, seed in ((1, 7), (1, 8), (2, 7))]
    assert np.allclose([np.linalg.norm(idea.embedding) for idea in ideas], 1.0, atol=1e-5)
    assert ideas[0].rationale.tobytes() == ideas[1].rationale.tobytes() != ideas[2].rationale.tobytes()
    assert len({idea.embedding.tobytes() for idea in ideas}) == 3


async def test_a_rationale_has_the_same_bytes_alone_and_in_a_batch(inference: InferenceClient) -> None:
    rows = np.stack([picture(seed) for seed in range(20)])
    batch = (await inference.infer("latent_mapper", {"visual": rows}, deadline=30)).outputs["rationale"]
    for place in (0, 11, 19):
        alone = await inference.infer("latent_mapper", {"visual": rows[place : place + 1]}, deadline=30)
        assert alone.outputs["rationale"].tobytes() == batch[place : place + 1].tobytes()


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("steps", 1000), ("guidance_scale", 11.0)])
async def test_what_the_model_cannot_do_is_refused(inference: InferenceClient, field: str, value: float) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await music(inference, 1, **{field: value})
    assert caught.value.field == field
