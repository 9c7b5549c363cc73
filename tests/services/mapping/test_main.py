from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import numpy as np
import pytest

from luce.server.bus import BusClient
from luce.server.host import NatsRpc
from luce.v1 import mapping_pb2
from tests.fixtures.nats import NatsServer, free_port
from tests.fixtures.triton import TritonServer

SERVICE = "luce.v1.MappingService"


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
    """`python -m services.mapping.main`, ready."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.mapping.main",
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
async def test_the_service_embeds_over_the_bus_and_drains(service: asyncio.subprocess.Process, nats: BusClient) -> None:
    rpc = NatsRpc(nats)
    request = mapping_pb2.EmbedRequest(texts=["a calm lake", "thunder"])
    answer = await rpc.call(SERVICE, "Embed", request, mapping_pb2.EmbedResponse, 20.0)
    vectors = np.array([embedding.values for embedding in answer.embeddings])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    service.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await service.wait() == 0
