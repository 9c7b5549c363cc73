"""Jobs on a real NATS, with handlers that tests steer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from luce.server.bus import BusClient, ObjectStore
from luce.server.jobs import JobContext, Jobs, JobWorker
from luce.server.metrics import Metrics
from luce.server.settings import JobSettings
from luce.v1 import agents_pb2, jobs_pb2
from tests.fixtures.nats import NatsServer

OWNER = "ann"


def paint(prompt: str = "sea", seed: int | None = None) -> jobs_pb2.Task:
    options = agents_pb2.PaintOptions(seed=seed) if seed is not None else agents_pb2.PaintOptions()
    return jobs_pb2.Task(paint=agents_pb2.PaintRequest(prompt=prompt, options=options))


def painted(key: str = "k") -> jobs_pb2.Job.Result:
    image = agents_pb2.PaintedImage(seed=1)
    image.image.key = key
    return jobs_pb2.Job.Result(paint=agents_pb2.PaintResult(images=[image]))


@dataclass
class Studio:
    """Starts fronts and workers with the same settings, and ends them all."""

    nc: BusClient
    server: NatsServer
    settings: JobSettings
    metrics: Metrics = field(default_factory=Metrics)
    workers: list[JobWorker] = field(default_factory=list)
    fronts: list[Jobs] = field(default_factory=list)

    async def front(self) -> Jobs:
        jobs = Jobs(self.nc, self.settings, bus=self.server.settings, metrics=self.metrics)
        await jobs.start()
        self.fronts.append(jobs)
        return jobs

    async def worker(
        self,
        handler: Callable[[jobs_pb2.QueuedTask, jobs_pb2.Job, JobContext], Awaitable[jobs_pb2.Job.Result]],
        concurrency: int = 1,
        nc: BusClient | None = None,
    ) -> JobWorker:
        worker = JobWorker("paint", handler, concurrency=concurrency, settings=self.settings, bus=self.server.settings)
        await worker.start(nc or self.nc, self.metrics)
        self.workers.append(worker)
        return worker

    async def close(self) -> None:
        for worker in self.workers:
            await worker.drain(0)
        for jobs in self.fronts:
            await jobs.close()


@pytest.fixture
def job_settings() -> JobSettings:
    return JobSettings(
        ack_wait_s=1.5, max_queued=8, backoff_s=(0.05, 0.1), max_attempts=3, janitor_interval_s=0.3, service_time_s=2.0
    )


@pytest.fixture
async def studio(nats: BusClient, nats_server: NatsServer, job_settings: JobSettings) -> AsyncIterator[Studio]:
    await ObjectStore(nats.jetstream(), nats_server.settings).ensure()
    studio = Studio(nats, nats_server, job_settings)
    yield studio
    async with asyncio.timeout(20):
        await studio.close()


@pytest.fixture
async def jobs(studio: Studio) -> Jobs:
    return await studio.front()
