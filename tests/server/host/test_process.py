from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from luce.server.bus import BusClient
from luce.server.jobs import Jobs
from luce.v1 import agents_pb2, jobs_pb2
from tests.fixtures.nats import NatsServer
from tests.server.waiting import until

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def jobs(nats: BusClient, nats_server: NatsServer) -> AsyncIterator[Jobs]:
    jobs = Jobs(nats, bus=nats_server.settings)
    await jobs.start()
    yield jobs
    await jobs.close()


@contextlib.asynccontextmanager
async def service(nats_server: NatsServer, seconds: float) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.host.service_process", nats_server.url, str(seconds), cwd=ROOT
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_the_process_and_its_job_is_handed_back(
    jobs: Jobs, nats_server: NatsServer, number: signal.Signals
) -> None:
    job, _ = await jobs.submit(jobs_pb2.Task(paint=agents_pb2.PaintRequest(prompt="x")), owner="ann")

    async def is_in(state: jobs_pb2.JobState.ValueType) -> bool:
        return (await jobs.get(job.id, "ann")).state == state

    async with service(nats_server, 60) as process:
        await until(lambda: is_in(jobs_pb2.JOB_STATE_RUNNING), 20)
        process.send_signal(number)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    assert await is_in(jobs_pb2.JOB_STATE_QUEUED)
    async with service(nats_server, 0.01):
        done = await jobs.wait(job.id, "ann", 20)
        assert (done.state, done.attempts) == (jobs_pb2.JOB_STATE_SUCCEEDED, 2)
