"""Texts into vectors, by the served text encoder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from luce.errors import InvalidArgument
from luce.server.inference import InferenceClient, TextEmbedder, TextEmbedderSettings
from tests.fixtures.triton import REPOSITORY, TritonServer


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    server = TritonServer(REPOSITORY, tmp_path_factory.mktemp("encoder"), models=["text_encoder"])
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def embedder(encoder: TritonServer) -> AsyncIterator[TextEmbedder]:
    client = InferenceClient(encoder.settings)
    yield TextEmbedder(client)
    await client.close()


async def test_near_texts_have_near_vectors(embedder: TextEmbedder) -> None:
    found = await embedder.embed(["a calm lake", "a quiet pond", "an invoice for taxes"], deadline=20)
    assert found.vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1.0, rtol=1e-3)
    near, far = found.vectors[0] @ found.vectors[1], found.vectors[0] @ found.vectors[2]
    assert near > far + 0.2


async def test_a_text_gives_the_same_bytes_alone_and_in_company(embedder: TextEmbedder) -> None:
    texts = [f"{'very ' * (index % 40)}long text number {index}" for index in range(60)]
    alone = [(await embedder.embed([text], deadline=20)).vectors[0] for text in texts[:6]]
    together = await asyncio.gather(*(embedder.embed([text], deadline=60) for text in texts))
    at_once = await embedder.embed(texts, deadline=60)
    for index in range(6):
        assert together[index].vectors[0].tobytes() == alone[index].tobytes()
        assert at_once.vectors[index].tobytes() == alone[index].tobytes()


async def test_a_long_text_is_cut_and_says_so(embedder: TextEmbedder) -> None:
    found = await embedder.embed(["short", "word " * 4000], deadline=20)
    assert found.truncated == (False, True)
    assert found.tokens == 3 + 256


async def test_no_text_is_an_invalid_argument(embedder: TextEmbedder) -> None:
    with pytest.raises(InvalidArgument):
        await embedder.embed([], deadline=5)


async def test_a_missing_tokenizer_is_told_at_the_start(encoder: TritonServer, tmp_path: Path) -> None:
    client = InferenceClient(encoder.settings)
    with pytest.raises(FileNotFoundError, match="LUCE_TEXT_TOKENIZER"):
        TextEmbedder(client, TextEmbedderSettings(tokenizer=tmp_path / "nothing.json"))
    await client.close()
