"""`/v1/embeddings` and `MappingService.Embed` on the real Triton."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest

from gateway.http import schemas
from luce.v1 import mapping_pb2, mapping_pb2_grpc
from tests.fixtures.nats import NatsServer
from tests.fixtures.triton import REPOSITORY, TritonServer
from tests.gateway.conftest import Doors, eventually, running, settings_for

PATH = "/v1/embeddings"


@pytest.fixture(scope="module")
async def embedding_doors(
    nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Doors, TritonServer]]:
    """A gateway before a Triton with the text encoder alone."""
    triton = TritonServer(REPOSITORY, tmp_path_factory.mktemp("text"), models=["text_encoder"])
    triton.start()
    try:
        settings = replace(settings_for(nats_server.settings), triton=triton.settings)
        async with running(settings) as doors:
            yield doors, triton
    finally:
        triton.stop()


@pytest.fixture
def doors(embedding_doors: tuple[Doors, TritonServer]) -> Doors:
    """The gateway."""
    return embedding_doors[0]


async def _embed(doors: Doors, given: Any, **more: Any) -> dict[str, Any]:
    answer = await doors.http.post(PATH, json={"input": given, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_texts_become_unit_vectors_in_the_openai_shape(doors: Doors) -> None:
    texts = ["a calm lake at dawn", "a quiet pond in the morning", "thunder over the city"]
    answer = await doors.http.post(PATH, json={"input": texts, "model": "text_encoder"})
    body = answer.json()
    schemas.Embeddings.model_validate(body, strict=True)
    vectors = np.array([entry["embedding"] for entry in body["data"]], np.float32)
    assert vectors.shape == (3, 384)
    assert [entry["index"] for entry in body["data"]] == [0, 1, 2]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 10
    assert "embed;dur=" in answer.headers["server-timing"]
    assert body["model"] == "text_encoder:1"


async def test_a_model_may_be_named_as_the_answers_name_it(doors: Doors) -> None:
    assert (await _embed(doors, "joy", model="text_encoder:1"))["model"] == "text_encoder:1"


async def test_one_text_and_a_list_of_one_are_the_same(doors: Doors) -> None:
    assert await _embed(doors, "joy") == await _embed(doors, ["joy"])


async def test_base64_carries_the_same_numbers(doors: Doors) -> None:
    numbers = (await _embed(doors, "joy"))["data"][0]["embedding"]
    packed = (await _embed(doors, "joy", encoding_format="base64", dimensions=384))["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(packed), "<f4").tolist() == np.array(numbers, np.float32).tolist()


async def test_a_vector_is_the_same_alone_and_in_company_and_comes_back_to_who_asked(doors: Doors) -> None:
    texts = [f"picture number {index} of the sea" for index in range(48)]
    alone = [(await _embed(doors, text))["data"] for text in texts[:6]]
    together = await asyncio.gather(*(_embed(doors, text) for text in texts))
    assert [body["data"] for body in together[:6]] == alone
    assert len({str(body["data"]) for body in together}) == len(texts)


async def test_both_doors_give_the_same_vector(doors: Doors) -> None:
    stub = mapping_pb2_grpc.MappingServiceStub(doors.channel)
    answer = await stub.Embed(mapping_pb2.EmbedRequest(texts=["joy", "word " * 1500]))
    body = await _embed(doors, ["joy", "word " * 1500])
    for embedding, entry in zip(answer.embeddings, body["data"], strict=True):
        assert list(embedding.values) == np.array(entry["embedding"], np.float32).tolist()
    assert [embedding.truncated for embedding in answer.embeddings] == [False, True]
    assert answer.tokens == body["usage"]["total_tokens"]
    assert answer.model == body["model"] == "text_encoder:1"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Embed(mapping_pb2.EmbedRequest())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "input"),
        ({"input": []}, 422, "input"),
        ({"input": ""}, 422, "input[0]"),
        ({"input": ["a"] * 65}, 422, "input"),
        ({"input": ["x" * 8193]}, 422, "input[0]"),
        ({"input": [1, 2]}, 422, "input"),
        ({"input": "a", "dimensions": 128}, 422, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, 422, "encoding_format"),
        ({"input": "a", "colour": "red"}, 422, "colour"),
        ({"input": "a", "model": "ada"}, 404, "model"),
        ({"input": "a", "model": "text_encoder:99"}, 404, "model"),
    ],
    ids=str,
)
async def test_bad_requests_are_problems_by_field(doors: Doors, body: dict[str, Any], status: int, field: str) -> None:
    answer = await doors.http.post(PATH, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["field"].startswith(field)


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 400), (b"[]", 422), (b"x" * 2_000_000, 413)], ids=["empty", "list", "huge"]
)
async def test_a_body_that_is_none_is_refused(doors: Doors, content: bytes, status: int) -> None:
    answer = await doors.http.post(PATH, content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_triton_away_is_503_and_back_is_200(embedding_doors: tuple[Doors, TritonServer]) -> None:
    doors, triton = embedding_doors
    triton.stop()
    answer = await doors.http.post(PATH, json={"input": "joy"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    triton.start()

    async def embeds() -> bool:
        return (await doors.http.post(PATH, json={"input": "joy"})).status_code == 200

    await eventually(embeds)
