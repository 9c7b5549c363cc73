"""The models of the repository on the real Triton: company changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luce.server.inference import InferenceClient, TextFeeler
from luce.server.music.composing.drafting import Draft
from luce.server.music.composing.planning import Moment, Wish, plan
from luce.server.music.composing.score import Score
from luce.server.music.composing.tokens import encode
from luce.server.vision import PictureReader


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


async def test_a_picture_is_seen_and_felt_alike_alone_and_in_company(inference: InferenceClient) -> None:
    noise = np.random.default_rng(0)
    # Shapes of every kind, smooth and rough: one pixel, wide, high, larger than what the encoder reads.
    shapes = [(1, 1), (40, 300), (300, 40), (500, 400), (224, 224), (7, 9)]
    pictures = [noise.integers(0, 256, (high, wide, 3), np.uint8) for high, wide in shapes]
    reader = PictureReader(inference)
    alone = [(await reader.read([picture]))[0] for picture in pictures]
    together = await reader.read(pictures)
    mixed = await asyncio.gather(*(reader.read([picture]) for picture in reversed(pictures)))
    for one, beside, crowded in zip(alone, together, [seen for (seen,) in reversed(mixed)], strict=True):
        for other in (beside, crowded):
            assert other.embedding.tobytes() == one.embedding.tobytes()
            assert other.features.tobytes() == one.features.tobytes()
            assert (other.emotion, other.objects) == (one.emotion, one.objects)
            assert other.uncertainty.tobytes() == one.uncertainty.tobytes()
    assert len({seen.emotion for seen in alone}) == len(alone)
    np.testing.assert_allclose([np.linalg.norm(seen.embedding) for seen in alone], 1.0, atol=1e-5)


async def test_a_text_is_felt_alike_alone_and_in_company(inference: InferenceClient) -> None:
    texts = ["I won!", "The funeral was long.", "a", "A quiet afternoon by the lake, and nothing to do. " * 8]
    feeler = TextFeeler(inference)
    alone = [(await feeler.feel([text], deadline=30))[0] for text in texts]
    together = await feeler.feel(texts * 3, deadline=30)
    for one, other in zip(alone * 3, together, strict=True):
        assert (other.emotion, other.truncated) == (one.emotion, one.truncated)
        assert other.uncertainty.tobytes() == one.uncertainty.tobytes()
    assert alone[0].emotion.valence > alone[1].emotion.valence


async def test_a_piece_has_the_same_tokens_alone_and_in_company_and_always_ends(inference: InferenceClient) -> None:
    async def compose(valence: float, arousal: float, seed: int) -> Score:
        draft = Draft(plan(Wish((Moment(8, valence, arousal),)), seed), seed)
        while (tensors := draft.request()) is not None:
            *_, last = [answer async for answer in inference.stream("midi_composer", tensors, deadline=100)]
            assert last.outputs["finish_reason"].item() == b"eos"
            draft.accept(np.asarray(last.outputs["tokens"], np.int64))
        assert draft.score.bars == draft.plan.bars
        return draft.score

    alone = await compose(0.5, 0.4, 7)
    others = [compose(valence, -valence, seed) for seed, valence in enumerate((-0.6, -0.2, 0.3, 0.7, 0.1))]
    together = await asyncio.gather(*others[:3], compose(0.5, 0.4, 7), *others[3:])
    assert encode(together[3]) == encode(alone)
    assert encode(together[0]) != encode(together[1])
