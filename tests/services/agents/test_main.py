from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import pytest

from luce.errors import InvalidArgument, MalformedMedia
from luce.server.bus import BusClient, ObjectStore
from luce.server.host import NatsRpc
from luce.v1 import agents_pb2
from tests.fixtures.nats import NatsServer, free_port
from tests.fixtures.triton import TritonServer
from tests.services.agents.music import HAPPY

SERVICE = "luce.v1.AgentsService"


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


@pytest.fixture
async def service(
    nats: BusClient, nats_server: NatsServer, triton: TritonServer
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m services.agents.main`, ready."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.agents.main",
        env=os.environ
        | {
            "LUCE_NATS_URL": nats_server.url,
            "LUCE_TRITON_URL": triton.url,
            "LUCE_HOST_HTTP_ADDRESS": f"127.0.0.1:{port}",
            "LUCE_HOST_DRAIN_WAIT_S": "0",
        },
    )
    try:
        async with asyncio.timeout(40):
            while not await asyncio.to_thread(ready, port):
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.slow
async def test_the_service_describes_imagines_and_drains(
    service: asyncio.subprocess.Process, nats: BusClient, nats_server: NatsServer, happy_ogg: bytes
) -> None:
    rpc, objects = NatsRpc(nats), ObjectStore(nats.jetstream(), nats_server.settings)
    blob = await objects.put(happy_ogg, media_type="audio/ogg", filename="a.ogg", owner="me", max_bytes=1 << 26)
    described = await rpc.call(
        SERVICE, "Describe", agents_pb2.DescribeRequest(audio=blob), agents_pb2.DescribeResponse, 20.0
    )
    points = described.description.curve.points
    assert [point.start_s for point in points] == pytest.approx(range(len(points)), abs=0.01)
    assert len(points) == 8
    imagined = await rpc.call(
        SERVICE,
        "Imagine",
        agents_pb2.ImagineRequest(description=HAPPY, count=3, seed=1),
        agents_pb2.ImagineResponse,
        5.0,
    )
    assert len({prompt.text for prompt in imagined.prompts}) == 3
    too_many = agents_pb2.ImagineRequest(description=HAPPY, count=99)
    with pytest.raises(InvalidArgument) as caught:
        await rpc.call(SERVICE, "Imagine", too_many, agents_pb2.ImagineResponse, 5.0)
    assert (caught.value.field, caught.value.limit) == ("count", "1..8")
    noise = await objects.put(b"no music", media_type="audio/ogg", filename="b", owner="me", max_bytes=99)
    with pytest.raises(MalformedMedia):
        await rpc.call(SERVICE, "Describe", agents_pb2.DescribeRequest(audio=noise), agents_pb2.DescribeResponse, 5.0)
    service.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await service.wait() == 0
