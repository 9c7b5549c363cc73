"""The hearing models on the real Triton: company changes nothing, and captions are whole."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luce.server.inference import InferenceClient
from luce.server.music.captions import LENGTHS, TOPICS, prefix
from luce.server.music.log_mel import log_mel_window

Outputs = dict[str, NDArray[Any]]


def sounds(count: int) -> NDArray[np.float32]:
    """Windows of chords, each on another pitch, over a little noise."""
    random, times = np.random.default_rng(2), np.arange(160000) / 16000
    found = []
    for index in range(count):
        partials = sum(np.sin(2 * np.pi * 110 * (index + n) * times) / n for n in (2, 3, 4, 5))
        decaying = partials * np.exp(-3 * (times % 0.5)) * 0.1
        found.append(log_mel_window((decaying + 0.001 * random.standard_normal(times.size)).astype(np.float32)))
    return np.stack(found)


async def hear(client: InferenceClient, mel: NDArray[np.float32]) -> Outputs:
    return dict((await client.infer("audio_encoder", {"log_mel": mel[None]}, deadline=60)).outputs)


async def caption(client: InferenceClient, heard: Outputs, topic: str, length: int, **more: Any) -> str:
    inputs = {"audio_tokens": heard["audio_tokens"], "tags": heard["tags"], "prefix": prefix(topic, length)[None]}
    inputs |= {"max_tokens": np.array([[length]], np.int32)} | more
    *_, last = [answer async for answer in client.stream("music_captioner", inputs, deadline=60)]
    return bytes(last.outputs["text"].item()).decode()


async def test_a_window_is_heard_the_same_alone_and_in_company(inference: InferenceClient) -> None:
    mel = sounds(9)
    alone = [await hear(inference, window) for window in mel]
    together = await asyncio.gather(*(hear(inference, window) for window in mel))
    for one, other in zip(alone, together, strict=True):
        assert all(one[name].tobytes() == other[name].tobytes() for name in ("embedding", "audio_tokens", "tags"))
    assert alone[0]["embedding"].tobytes() != alone[5]["embedding"].tobytes()


async def test_a_caption_is_the_same_alone_and_in_company(inference: InferenceClient) -> None:
    heard = [await hear(inference, window) for window in sounds(6)]
    wishes = [(TOPICS[index % 4], LENGTHS[index % 3]) for index in range(6)]
    drawn: Any = {"temperature": np.array([[0.8]], np.float32), "seed": np.array([[5]], np.uint64)}
    alone = [await caption(inference, h, *wish, **drawn) for h, wish in zip(heard, wishes, strict=True)]
    together = await asyncio.gather(
        *(caption(inference, h, *wish, **drawn) for h, wish in zip(heard, wishes, strict=True)),
        *(caption(inference, h, "whole", 70) for h in heard),
    )
    assert list(together[:6]) == alone


async def test_a_caption_is_whole_sentences_within_its_length(inference: InferenceClient) -> None:
    heard = await hear(inference, sounds(1)[0])
    for length in LENGTHS:
        text = await caption(inference, heard, "whole", length)
        assert text[0].isupper()
        assert text.endswith(".")
        assert len(text.split()) <= length
