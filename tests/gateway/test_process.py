"""The gateway as a process of its own: it starts, refuses, serves and drains."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gateway.main import EXIT_CONFIG, EXIT_UNAVAILABLE
from tests.fixtures.nats import NatsServer, free_port
from tests.gateway.conftest import MAX_QUEUED, eventually, settings_for, working

_SERVES = re.compile(rb"serves HTTP on port (\d+) and gRPC on port (\d+)")


@asynccontextmanager
async def _process(**environment: str) -> AsyncIterator[Process]:
    values = {
        "LUCE_GATEWAY_HTTP_ADDRESS": "127.0.0.1:0",
        "LUCE_GATEWAY_GRPC_ADDRESS": "127.0.0.1:0",
        "LUCE_JOBS_MAX_QUEUED": str(MAX_QUEUED),
        "LUCE_HOST_DRAIN_WAIT_S": "0.3",
        "LUCE_HOST_DRAIN_TIMEOUT_S": "10",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.main", env=os.environ | values, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(40):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _port(process: Process) -> int:
    assert process.stdout is not None
    async for line in process.stdout:
        if found := _SERVES.search(line):
            return int(found[1])
    raise AssertionError("the gateway ended before it served")


async def test_a_sigterm_lets_requests_under_way_finish_and_ends_with_0(nats_server: NatsServer) -> None:
    async with working(settings_for(nats_server.settings)), _process(LUCE_NATS_URL=nats_server.url) as process:
        port = await _port(process)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            waiting = asyncio.create_task(
                http.post("/v1/images/generations", json={"prompt": "wait"}, headers={"Prefer": "wait=3"})
            )
            jobs: list[object] = []
            while not jobs:
                jobs = (await http.get("/v1/jobs")).json()["data"]
            process.send_signal(signal.SIGTERM)

            async def draining() -> bool:
                return bool((await http.get("/readyz")).json()["status"] == "draining")

            await eventually(draining)
            assert (await http.get("/livez")).status_code == 200
            answer = await waiting
            assert (answer.status_code, answer.json()["state"]) == (202, "running")
        assert await process.wait() == 0


async def test_an_open_door_without_keys_does_not_start_and_names_the_setting() -> None:
    async with _process(LUCE_GATEWAY_HTTP_ADDRESS="0.0.0.0:0") as process:
        output, _ = await process.communicate()
        assert process.returncode == EXIT_CONFIG
        assert b"LUCE_GATEWAY_API_KEYS is empty" in output


async def test_a_secret_that_is_refused_is_not_printed() -> None:
    async with _process(LUCE_GATEWAY_API_KEYS="me:swordfish") as process:
        output, _ = await process.communicate()
        assert process.returncode == EXIT_CONFIG
        assert b"SHA256HEX" in output
        assert b"swordfish" not in output


async def test_without_nats_the_process_says_so_and_ends() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    async with _process(LUCE_NATS_URL=url, LUCE_NATS_CONNECT_TIMEOUT_S="0.5") as process:
        output, _ = await process.communicate()
        assert process.returncode == EXIT_UNAVAILABLE
        assert b"NATS does not answer" in output
