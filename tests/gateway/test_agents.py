"""Describe and Imagine are relayed over the bus, with their errors, and only for the caller's own files."""

from __future__ import annotations

import grpc
import pytest

from luce.v1 import agents_pb2, agents_pb2_grpc, media_pb2
from tests.gateway.conftest import Doors


@pytest.fixture(scope="module")
def doors(doors_with_agents: Doors) -> Doors:
    """A gateway, and agents of a simple kind."""
    return doors_with_agents


async def test_describe_reaches_the_agents_with_what_is_true_of_the_file(doors: Doors, short_song: bytes) -> None:
    agents = agents_pb2_grpc.AgentsServiceStub(doors.channel)
    blob = (await doors.http.post("/v1/blobs", content=short_song)).json()
    told = media_pb2.BlobRef(key=blob["key"], size=5, media_type="audio/none")
    answer = await agents.Describe(agents_pb2.DescribeRequest(audio=told))
    assert answer.description.summary == f"audio/wav of {len(short_song)} bytes"


async def test_describe_of_nothing_and_of_a_strange_file_is_refused_here(doors: Doors) -> None:
    agents = agents_pb2_grpc.AgentsServiceStub(doors.channel)
    for key, code in (("", grpc.StatusCode.INVALID_ARGUMENT), ("upload-strange", grpc.StatusCode.NOT_FOUND)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await agents.Describe(agents_pb2.DescribeRequest(audio=media_pb2.BlobRef(key=key)))
        assert refused.value.code() is code


async def test_imagine_reaches_the_agents_and_their_error_comes_back_as_it_was(doors: Doors) -> None:
    agents = agents_pb2_grpc.AgentsServiceStub(doors.channel)
    answer = await agents.Imagine(agents_pb2.ImagineRequest(text="sea", count=3))
    assert [prompt.text for prompt in answer.prompts] == ["sea"] * 3
    with pytest.raises(grpc.aio.AioRpcError) as broken:
        await agents.Imagine(agents_pb2.ImagineRequest(text="break"))
    assert broken.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert broken.value.details() == "nothing to imagine"
    with pytest.raises(grpc.aio.AioRpcError) as many:
        await agents.Imagine(agents_pb2.ImagineRequest(count=100))
    assert many.value.code() is grpc.StatusCode.INVALID_ARGUMENT
