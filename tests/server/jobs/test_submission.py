from __future__ import annotations

import asyncio
import math

import pytest

from luce.errors import IdempotencyMismatch, InvalidArgument, NotFound, ResourceExhausted, Unavailable
from luce.server.bus import Streams
from luce.server.jobs import Jobs
from luce.server.jobs.queue import QueueState
from luce.v1 import agents_pb2, jobs_pb2, media_pb2
from tests.server.jobs.conftest import OWNER, Studio, paint

pytestmark = pytest.mark.timeout(60)


async def queued_messages(studio: Studio) -> int:
    return len(await Streams(studio.nc.jetstream()).following("LUCE_JOBS", "luce.jobs.paint", 0))


async def test_an_accepted_job_has_a_message_and_a_record(jobs: Jobs, studio: Studio) -> None:
    job, created = await jobs.submit(paint(), owner=OWNER)
    assert created
    assert (job.kind, job.state, job.position, job.attempts) == ("paint", jobs_pb2.JOB_STATE_QUEUED, 0, 0)
    assert job.owner == OWNER
    assert await queued_messages(studio) == 1
    assert (await jobs.get(job.id, OWNER)).id == job.id


async def test_ids_sort_by_age_and_are_safe_in_urls(jobs: Jobs) -> None:
    ids = []
    for _ in range(4):
        ids.append((await jobs.submit(paint(), owner=OWNER))[0].id)
        await asyncio.sleep(0.002)
    assert ids == sorted(ids)
    assert all(len(job_id) == 26 and job_id.isalnum() for job_id in ids)


async def test_a_seed_is_kept_and_a_missing_one_is_drawn_and_told(jobs: Jobs, studio: Studio) -> None:
    kept, _ = await jobs.submit(paint(seed=7), owner=OWNER)
    zero, _ = await jobs.submit(paint(seed=0), owner=OWNER)
    drawn, _ = await jobs.submit(paint(), owner=OWNER)
    assert (kept.seed, zero.seed) == (7, 0)
    messages = await Streams(studio.nc.jetstream()).following("LUCE_JOBS", "luce.jobs.paint", 0)
    seeds = [jobs_pb2.QueuedTask.FromString(message.data).task.paint.options.seed for message in messages]
    assert seeds == [7, 0, drawn.seed]


async def test_another_owner_sees_no_job(jobs: Jobs) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    for action in (
        jobs.get(job.id, "bob"),
        jobs.cancel(job.id, "bob"),
        jobs.wait(job.id, "bob", 1),
        jobs.get("../../etc", OWNER),
        jobs.get("0" * 26, OWNER),
    ):
        with pytest.raises(NotFound):
            await action
    with pytest.raises(NotFound):
        await anext(aiter(jobs.watch(job.id, "bob")))
    assert (await jobs.list("bob"))[0] == []


async def test_a_full_queue_refuses_exactly_and_tells_when_to_come_back(jobs: Jobs) -> None:
    outcomes = await asyncio.gather(*(jobs.submit(paint(), owner=OWNER) for _ in range(20)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ResourceExhausted)]
    assert len(refused) == 12
    # 8 jobs of 2 seconds on the one slot that is assumed while no worker lives.
    assert {refusal.retry_after for refusal in refused} == {16.0}
    assert refused[0].limit == "8"
    assert len((await jobs.list(OWNER))[0]) == 8


async def test_positions_count_who_is_ahead(jobs: Jobs) -> None:
    submitted = [(await jobs.submit(paint(), owner=OWNER))[0] for _ in range(4)]
    assert [job.position for job in submitted] == [0, 1, 2, 3]
    assert [job.eta_s for job in submitted] == [2.0, 4.0, 6.0, 8.0]
    await jobs.cancel(submitted[1].id, OWNER)
    await asyncio.sleep(0.3)
    assert [(await jobs.get(submitted[index].id, OWNER)).position for index in (0, 2, 3)] == [0, 1, 2]


async def test_the_same_key_and_request_is_the_same_job(jobs: Jobs, studio: Studio) -> None:
    first, created = await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k 1/ü")
    second, again = await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k 1/ü")
    assert (created, again) == (True, False)
    assert (second.id, second.seed) == (first.id, first.seed)
    assert await queued_messages(studio) == 1
    other, created = await jobs.submit(paint("sea"), owner="bob", idempotency_key="k 1/ü")
    assert created
    assert other.id != first.id


async def test_the_same_key_with_another_request_is_refused(jobs: Jobs) -> None:
    await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        await jobs.submit(paint("mountains"), owner=OWNER, idempotency_key="k")


async def test_many_submissions_with_one_key_at_once_make_one_job(jobs: Jobs, studio: Studio) -> None:
    outcomes = await asyncio.gather(*(jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k") for _ in range(10)))
    assert len({job.id for job, _ in outcomes}) == 1
    assert sum(created for _, created in outcomes) == 1
    assert await queued_messages(studio) == 1


async def test_the_same_file_uploaded_again_is_the_same_request(jobs: Jobs) -> None:
    def task(key: str, sha256: str) -> jobs_pb2.Task:
        blob = media_pb2.BlobRef(key=key, size=3, sha256=sha256, media_type="audio/ogg")
        return jobs_pb2.Task(paint=agents_pb2.PaintRequest(audio=blob))

    first, _ = await jobs.submit(task("upload-1", "a" * 64), owner=OWNER, idempotency_key="k")
    second, _ = await jobs.submit(task("upload-2", "a" * 64), owner=OWNER, idempotency_key="k")
    assert second.id == first.id
    with pytest.raises(IdempotencyMismatch):
        await jobs.submit(task("upload-3", "b" * 64), owner=OWNER, idempotency_key="k")


async def test_an_interrupted_submission_is_finished_by_its_repetition(
    jobs: Jobs, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_arguments: object, **_more: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(jobs._store, "enqueue", crash)
        with pytest.raises(ConnectionResetError):
            await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k")
    assert (await jobs.list(OWNER))[0] == []
    job, created = await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k")
    assert created
    assert (await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k"))[0].id == job.id


@pytest.mark.parametrize(
    ("task", "key", "timeout_s", "field"),
    [
        pytest.param(jobs_pb2.Task(), "", 0, "task", id="empty-task"),
        pytest.param(paint(), "x" * 256, 0, "idempotency_key", id="long-key"),
        pytest.param(paint(), "", -1, "timeout_s", id="negative-timeout"),
        pytest.param(paint(), "", math.nan, "timeout_s", id="no-number"),
    ],
)
async def test_bad_submissions_name_the_field(
    jobs: Jobs, task: jobs_pb2.Task, key: str, timeout_s: float, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        await jobs.submit(task, owner=OWNER, idempotency_key=key, timeout_s=timeout_s)
    assert refusal.value.field == field


async def test_lists_are_paged_newest_first_and_filtered_by_state(jobs: Jobs) -> None:
    ids = [(await jobs.submit(paint(), owner=OWNER))[0].id for _ in range(7)]
    await jobs.submit(paint(), owner="bob")
    for job_id in ids[::2]:
        await jobs.cancel(job_id, OWNER)
    seen: list[str] = []
    token = ""
    while True:
        page, token = await jobs.list(OWNER, 3, token)
        seen += [job.id for job in page]
        if not token:
            break
    assert sorted(seen, reverse=True) == seen
    assert sorted(seen) == sorted(ids)
    cancelled, token = await jobs.list(OWNER, 4, "", [jobs_pb2.JOB_STATE_CANCELLED])
    assert ({job.id for job in cancelled}, token) == (set(ids[::2]), "")
    some, token = await jobs.list(OWNER, 3, "", [jobs_pb2.JOB_STATE_CANCELLED])
    assert len(some) == 3
    rest, token = await jobs.list(OWNER, 3, token, [jobs_pb2.JOB_STATE_CANCELLED])
    assert (len(rest), token) == (1, "")


@pytest.mark.parametrize(("size", "token"), [(101, ""), (-1, ""), (5, "no such token")])
async def test_bad_pages_are_refused(jobs: Jobs, size: int, token: str) -> None:
    with pytest.raises(InvalidArgument):
        await jobs.list(OWNER, size, token)


async def test_while_nats_is_down_submissions_are_unavailable_and_accepted_jobs_are_kept(
    jobs: Jobs, studio: Studio
) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER)
    studio.server.kill()
    for action in (jobs.submit(paint(), owner=OWNER), jobs.get(job.id, OWNER), jobs.list(OWNER), jobs.ready()):
        with pytest.raises(Unavailable) as failure:
            async with asyncio.timeout(5):
                await action
        assert failure.value.retry_after
    studio.server.start()
    kept = await jobs.wait(job.id, OWNER, 0) if studio.nc.is_connected else None
    async with asyncio.timeout(10):
        while kept is None:
            try:
                kept = await jobs.get(job.id, OWNER)
            except Unavailable:
                await asyncio.sleep(0.05)
    assert kept.state == jobs_pb2.JOB_STATE_QUEUED


async def test_a_refused_submission_can_be_repeated_with_its_key(jobs: Jobs) -> None:
    waiting = [(await jobs.submit(paint(), owner=OWNER))[0] for _ in range(8)]
    with pytest.raises(ResourceExhausted):
        await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k")
    await jobs.cancel(waiting[0].id, OWNER)
    job, created = await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k")
    assert created
    assert (await jobs.submit(paint("sea"), owner=OWNER, idempotency_key="k"))[0].id == job.id


def test_the_retry_hint_grows_with_the_queue_and_shrinks_with_the_slots() -> None:
    queue = QueueState(waiting=(), running=0, slots=4, service_time_s=3.0)
    assert queue.retry_after(64) == 48.0
    assert QueueState((), 0, slots=1, service_time_s=0.001).retry_after(1) == 1.0
    assert QueueState((), 0, slots=1, service_time_s=100.0).retry_after(64) == 600.0
