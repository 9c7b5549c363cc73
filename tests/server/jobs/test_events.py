from __future__ import annotations

import asyncio

import pytest

from luce.errors import NotFound
from luce.server.bus import Streams
from luce.server.jobs import JobContext, Jobs
from luce.v1 import agents_pb2, jobs_pb2
from luce.v1.jobs_pb2 import Job, JobEvent
from luce.v1.jobs_pb2 import QueuedTask as Queued
from tests.server.jobs.conftest import OWNER, Studio, paint, painted

pytestmark = pytest.mark.timeout(60)

STATES = [jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING, jobs_pb2.JOB_STATE_SUCCEEDED]


async def talkative(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
    await context.progress("listen", 0.1)
    await context.partial(music=agents_pb2.MusicDescription(summary="calm"))
    await context.progress("paint", 0.5)
    await context.preview(0, 3, 6, b"png bytes")
    return painted()


async def collect(jobs: Jobs, job_id: str, after: int = 0) -> list[JobEvent]:
    async with asyncio.timeout(15):
        return [event async for event in jobs.watch(job_id, OWNER, after)]


def kinds(events: list[JobEvent]) -> list[str]:
    return [str(event.WhichOneof("event")) for event in events]


async def test_a_watcher_sees_everything_in_order_to_the_end(jobs: Jobs, studio: Studio) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    watching = asyncio.create_task(collect(jobs, job.id))
    await studio.worker(talkative)
    events = await watching
    assert kinds(events) == ["state", "state", "progress", "partial", "progress", "preview", "state"]
    assert [event.state.state for event in events if event.HasField("state")] == STATES
    assert [event.progress.stage for event in events if event.HasField("progress")] == ["listen", "paint"]
    assert [event.sequence for event in events] == sorted({event.sequence for event in events})
    preview = next(event.preview for event in events if event.HasField("preview"))
    assert (preview.index, preview.step, preview.steps, preview.image.media_type) == (0, 3, 6, "image/png")
    assert events[-1].state.result == painted()


async def test_a_finished_job_is_replayed_from_any_event(jobs: Jobs, studio: Studio) -> None:
    await studio.worker(talkative)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    await jobs.wait(job.id, OWNER, 10)
    events = await collect(jobs, job.id)
    for index, event in enumerate(events):
        assert await collect(jobs, job.id, event.sequence) == events[index + 1 :]


async def test_a_watcher_ends_although_the_events_are_gone(jobs: Jobs, studio: Studio) -> None:
    await studio.worker(talkative)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    await jobs.wait(job.id, OWNER, 10)
    await Streams(studio.nc.jetstream()).purge("LUCE_EVENTS", f"luce.events.{job.id}")
    events = await collect(jobs, job.id)
    assert [event.state.state for event in events] == [jobs_pb2.JOB_STATE_SUCCEEDED]
    assert events[0].sequence > 0


async def test_a_watcher_that_missed_the_last_event_finds_the_end_in_the_record(
    jobs: Jobs, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_arguments: object) -> None:
        """Tells nobody."""

    go_on = asyncio.Event()

    async def handle(_queued: Queued, _job: Job, _context: JobContext) -> Job.Result:
        await go_on.wait()
        monkeypatch.setattr("luce.server.jobs.store.JobStore.tell_state", lost)
        return painted()

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    watching = asyncio.create_task(collect(jobs, job.id))
    await asyncio.sleep(0.3)
    go_on.set()
    events = await watching
    assert [event.state.state for event in events] == STATES


async def test_a_cancelled_watcher_leaves_no_subscription(jobs: Jobs, studio: Studio) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    before = len(studio.nc._subs)
    watching = asyncio.create_task(collect(jobs, job.id))
    await asyncio.sleep(0.2)
    assert len(studio.nc._subs) == before + 1
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert len(studio.nc._subs) == before


async def test_a_watcher_goes_on_through_a_restart_of_nats(jobs: Jobs, studio: Studio) -> None:
    go_on = asyncio.Event()

    async def handle(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
        await context.progress("listen", 0.1)
        await go_on.wait()
        return painted()

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    watching = asyncio.create_task(collect(jobs, job.id))
    await asyncio.sleep(0.3)
    studio.server.restart()
    go_on.set()
    events = await watching
    assert events[-1].state.state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert len({event.sequence for event in events}) == len(events)


async def test_previews_belong_to_the_owner(jobs: Jobs, studio: Studio) -> None:
    from luce.server.bus import ObjectStore

    await studio.worker(talkative)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    events = await collect(jobs, job.id)
    key = next(event.preview.image.key for event in events if event.HasField("preview"))
    objects = ObjectStore(studio.nc.jetstream())
    assert await objects.get(key, owner=OWNER) == b"png bytes"
    with pytest.raises(NotFound):
        await objects.get(key, owner="bob")


async def test_events_of_one_job_are_bounded_and_the_oldest_go(jobs: Jobs, studio: Studio) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    store = jobs._store
    for index in range(studio.settings.events_per_job + 5):
        await store.tell(
            JobEvent(job_id=job.id, progress=JobEvent.Progress(stage="paint", fraction=index / 2000)), f"e{index}"
        )
    await jobs.cancel(job.id, OWNER)
    events = await collect(jobs, job.id)
    assert len(events) == studio.settings.events_per_job
    assert events[-1].state.state == jobs_pb2.JOB_STATE_CANCELLED


async def test_waiting_returns_the_job_as_it_is_when_the_time_is_over(jobs: Jobs) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    assert (await jobs.wait(job.id, OWNER, 0.2)).state == jobs_pb2.JOB_STATE_QUEUED
