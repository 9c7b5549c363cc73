"""What processes that end at any moment leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from luce.errors import LuceError
from luce.server.bus import Streams
from luce.server.jobs import JobContext, Jobs
from luce.v1 import jobs_pb2
from luce.v1.jobs_pb2 import Job
from luce.v1.jobs_pb2 import QueuedTask as Queued
from tests.server.jobs.conftest import OWNER, Studio, paint, painted
from tests.server.waiting import until

pytestmark = pytest.mark.timeout(90)

ROOT = Path(__file__).parents[3]


class Processes:
    """Worker processes and what they wrote down."""

    def __init__(self, studio: Studio, journal: Path) -> None:
        self._studio = studio
        self.journal = journal
        self.running: list[asyncio.subprocess.Process] = []

    async def start(self, seconds: float) -> asyncio.subprocess.Process:
        arguments = [self._studio.server.url, str(self._studio.settings.ack_wait_s), str(seconds), str(self.journal)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.server.jobs.worker_process", *arguments, cwd=ROOT
        )
        self.running.append(process)
        return process

    def lines(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []


@pytest.fixture
async def processes(studio: Studio, tmp_path: Path) -> AsyncIterator[Processes]:
    processes = Processes(studio, tmp_path / "journal")
    yield processes
    for process in processes.running:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_job_survives_kill_9_of_its_worker_and_finishes_once(
    jobs: Jobs, studio: Studio, processes: Processes
) -> None:
    first = await processes.start(60)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    await until(lambda: len(processes.lines()) == 1, 30)
    first.kill()
    await first.wait()
    await processes.start(0.1)
    done = await jobs.wait(job.id, OWNER, 30)
    assert (done.state, done.attempts) == (jobs_pb2.JOB_STATE_SUCCEEDED, 2)
    assert processes.lines() == [f"start {job.id} 1", f"start {job.id} 2", f"end {job.id} 2"]


async def test_a_job_that_kills_its_workers_ends_as_failed(jobs: Jobs, studio: Studio, processes: Processes) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    for attempt in range(1, studio.settings.max_attempts + 1):
        process = await processes.start(60)
        await until(lambda: len(processes.lines()) == attempt, 30)  # noqa: B023  # called before the next round
        process.kill()
        await process.wait()
    await processes.start(60)
    done = await jobs.wait(job.id, OWNER, 30)
    assert (done.state, done.problem.code, done.attempts) == (jobs_pb2.JOB_STATE_FAILED, "internal", 3)
    assert "workers ended" in done.problem.message


async def test_jobs_survive_kill_9_of_nats_and_finish_once(jobs: Jobs, studio: Studio) -> None:
    ended: list[str] = []
    started = asyncio.Event()

    async def handle(_queued: Queued, job: Job, context: JobContext) -> Job.Result:
        started.set()
        await context.progress("paint", 0.5)
        await asyncio.sleep(1.0)
        ended.append(job.id)
        return painted(job.id)

    await studio.worker(handle, concurrency=2)
    submitted = [(await jobs.submit(paint(), owner=OWNER))[0] for _ in range(4)]
    await started.wait()
    studio.server.kill()
    await asyncio.sleep(2 * studio.settings.ack_wait_s)
    studio.server.start()
    await until(lambda: studio.nc.is_connected)
    for job in submitted:
        done = await jobs.wait(job.id, OWNER, 30)
        assert (done.state, done.result.paint.images[0].image.key) == (jobs_pb2.JOB_STATE_SUCCEEDED, job.id)
    assert sorted(ended) == sorted(job.id for job in submitted)
    assert await Streams(studio.nc.jetstream()).following("LUCE_JOBS", "luce.jobs.paint", 0) == []


async def test_an_empty_nats_is_set_up_again(jobs: Jobs, studio: Studio) -> None:
    await studio.worker(lambda _queued, job, _context: at_once(job))
    js = studio.nc.jetstream()
    for stream in await js.streams_info():
        await js.delete_stream(str(stream.config.name))
    studio.server.restart()
    await until(lambda: studio.nc.is_connected)

    async def works() -> bool:
        try:
            job, _ = await jobs.submit(paint(), owner=OWNER)
        except LuceError:
            return False
        return (await jobs.wait(job.id, OWNER, 10)).state == jobs_pb2.JOB_STATE_SUCCEEDED

    await until(works, 20)


async def at_once(job: Job) -> Job.Result:
    return painted(job.id)


async def test_a_job_whose_message_was_lost_is_published_again(jobs: Jobs, studio: Studio) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    await Streams(studio.nc.jetstream()).purge("LUCE_JOBS", "luce.jobs.paint")
    await studio.worker(lambda _queued, job, _context: at_once(job))
    assert (await jobs.wait(job.id, OWNER, 10)).state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert studio.metrics.registry.get_sample_value("luce_jobs_repaired_total", {"outcome": "republished"}) == 1


async def test_two_janitors_publish_a_lost_message_once(studio: Studio) -> None:
    jobs, _other = await studio.front(), await studio.front()
    await jobs.submit(paint(), owner=OWNER)
    streams = Streams(studio.nc.jetstream())
    await streams.purge("LUCE_JOBS", "luce.jobs.paint")

    async def is_back() -> bool:
        return len(await streams.following("LUCE_JOBS", "luce.jobs.paint", 0)) > 0

    await until(is_back)
    await asyncio.sleep(4 * studio.settings.janitor_interval_s)
    assert len(await streams.following("LUCE_JOBS", "luce.jobs.paint", 0)) == 1


async def test_a_message_that_was_never_accepted_is_dropped(
    jobs: Jobs, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luce.server.jobs.worker._RECORD_DELIVERIES", 1)
    monkeypatch.setattr("luce.server.jobs.worker._RECORD_WAIT_S", 0.1)
    streams = Streams(studio.nc.jetstream())
    queued = jobs_pb2.QueuedTask(job_id="0" * 26, task=paint())
    await jobs._store.enqueue("paint", queued, OWNER, {})
    await streams.publish("luce.jobs.paint", b"\xff\xffnot a job")
    await studio.worker(lambda _queued, job, _context: at_once(job))

    async def is_empty() -> bool:
        return await streams.following("LUCE_JOBS", "luce.jobs.paint", 0) == []

    await until(is_empty)


async def test_a_job_that_nobody_runs_before_its_deadline_fails(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luce.server.jobs.janitor._GRACE_S", 0.1)
    jobs = await studio.front()
    job, _ = await jobs.submit(paint(), owner=OWNER, timeout_s=0.2)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.problem.code) == (jobs_pb2.JOB_STATE_FAILED, "deadline_exceeded")


async def test_a_paused_worker_leaves_jobs_in_the_queue(jobs: Jobs, studio: Studio) -> None:
    worker = await studio.worker(lambda _queued, job, _context: at_once(job))
    worker.pause()
    job, _ = await jobs.submit(paint(), owner=OWNER)
    assert (await jobs.wait(job.id, OWNER, 1.5)).attempts == 0
    worker.resume()
    assert (await jobs.wait(job.id, OWNER, 10)).state == jobs_pb2.JOB_STATE_SUCCEEDED
