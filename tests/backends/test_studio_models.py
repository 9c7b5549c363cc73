"""The models of the repository on the real Triton: company changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luce.server.inference import InferenceClient


def order(seed: int, steps: int, **values: Any) -> dict[str, NDArray[Any]]:
    return {
        "prompt": np.array([["a red sunset over a calm sea"]], np.object_),
        "seed": np.array([[seed]], np.uint64),
        "steps": np.array([[steps]], np.int32),
        **{name: np.array([[value]], np.int32) for name, value in values.items()},
    }


async def picture(client: InferenceClient, inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
    *_, last = [answer async for answer in client.stream("image_generator", inputs, deadline=100)]
    return last.outputs["image"]


async def test_a_picture_has_the_same_bytes_alone_and_in_company(inference: InferenceClient) -> None:
    alone = await picture(inference, order(7, 4))
    assert alone.shape == (1, 256, 256, 3)
    others = [picture(inference, order(seed, 2 + seed, width=192 + 64 * (seed % 2))) for seed in range(5)]
    together = await asyncio.gather(*others[:3], picture(inference, order(7, 4)), *others[3:])
    assert together[3].tobytes() == alone.tobytes()
    assert together[0].tobytes() != together[2].tobytes()


async def test_a_text_has_the_same_bytes_alone_and_in_company(inference: InferenceClient) -> None:
    ids = np.random.default_rng(0).integers(1000, 20000, (12, 16))
    rows = [{"input_ids": ids[i : i + 1], "attention_mask": np.ones((1, 16), np.int64)} for i in range(12)]
    alone = [(await inference.infer("text_encoder", row, deadline=30)).outputs["sent_emb"] for row in rows]
    together = await asyncio.gather(*(inference.infer("text_encoder", row, deadline=30) for row in rows))
    assert [answer.outputs["sent_emb"].tobytes() for answer in together] == [vector.tobytes() for vector in alone]
