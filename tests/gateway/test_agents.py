"""Describe and Imagine are relayed over the bus, with their errors, and only for the caller's own files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from luce.errors import MalformedMedia
from luce.server.bus import connect
from luce.server.host import ServiceHost
from luce.server.settings import HostSettings
from luce.v1 import agents_pb2, agents_pb2_grpc, media_pb2
from tests.fixtures.nats import NatsServer
from tests.gateway.conftest import Doors, eventually, running, settings_for


class _Agents:
    async def Describe(self, request: agents_pb2.DescribeRequest, context: object) -> agents_pb2.DescribeResponse:
        summary = f"{request.audio.media_type} of {request.audio.size} bytes"
        return agents_pb2.DescribeResponse(description=agents_pb2.MusicDescription(summary=summary))

    async def Imagine(self, request: agents_pb2.ImagineRequest, context: object) -> agents_pb2.ImagineResponse:
        if request.text == "break":
            raise MalformedMedia("nothing to imagine", field="description", limit="a description")
        return agents_pb2.ImagineResponse(prompts=[agents_pb2.Prompt(text=request.text)] * max(1, request.count))


@pytest.fixture(scope="module")
async def doors(nats_server: NatsServer) -> AsyncIterator[Doors]:
    """A gateway, and agents of a simple kind."""
    host = ServiceHost(
        "agents",
        nc=await connect(nats_server.settings, "agents"),
        servicers=[(_Agents(), agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
        settings=HostSettings(drain_wait_s=0, drain_timeout_s=2),
    )
    serving = asyncio.create_task(host.run())
    async with running(settings_for(nats_server.settings)) as doors:

        async def found() -> bool:
            return bool((await doors.http.get("/readyz")).json()["dependencies"]["agents"]["ready"])

        await eventually(found)
        yield doors
    host.stop()
    await serving


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
