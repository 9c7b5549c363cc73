from __future__ import annotations

import asyncio

import pytest

from luce.errors import InvalidArgument, Unavailable
from luce.server.deadline import Deadline
from luce.server.jobs import JobContext, Jobs
from luce.server.telemetry import current_trace_id, server_span
from luce.v1 import agents_pb2, jobs_pb2
from luce.v1.jobs_pb2 import Job
from luce.v1.jobs_pb2 import QueuedTask as Queued
from tests.server.jobs.conftest import OWNER, Studio, paint, painted
from tests.server.waiting import until

pytestmark = pytest.mark.timeout(60)


async def test_a_job_is_run_and_its_result_seed_models_and_timings_are_told(jobs: Jobs, studio: Studio) -> None:
    async def handle(queued: Queued, job: Job, context: JobContext) -> Job.Result:
        assert queued.task.paint.prompt == "sea"
        assert (context.job_id, context.owner, context.seed, context.attempt) == (job.id, OWNER, 7, 1)
        assert Deadline.current() == context.deadline
        with context.stage("listen"):
            await asyncio.sleep(0.01)
        with context.stage("paint"):
            await context.progress("paint", 0.5)
        context.used_model("image_generator", "3")
        blob = await context.objects.put(
            b"png", media_type="image/png", filename="p.png", owner=context.owner, max_bytes=9, kind="result"
        )
        return painted(blob.key)

    await studio.worker(handle)
    job, _ = await jobs.submit(paint("sea", seed=7), owner=OWNER)
    done = await jobs.wait(job.id, OWNER, 10)
    assert done.state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert (done.attempts, done.fraction, done.seed) == (1, 1.0, 7)
    assert dict(done.models) == {"image_generator": "3"}
    assert [timing.stage for timing in done.timings] == ["queue", "listen", "paint"]
    assert all(timing.seconds >= 0 for timing in done.timings)
    assert done.finished_at.ToNanoseconds() >= done.started_at.ToNanoseconds() >= done.created_at.ToNanoseconds()


async def test_no_more_jobs_run_at_once_than_there_are_slots(jobs: Jobs, studio: Studio) -> None:
    running = most = 0

    async def handle(_queued: Queued, _job: Job, _context: JobContext) -> Job.Result:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return painted()

    await studio.worker(handle, concurrency=2)
    submitted = [(await jobs.submit(paint(), owner=OWNER))[0] for _ in range(8)]
    for job in submitted:
        assert (await jobs.wait(job.id, OWNER, 10)).state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert most == 2


async def test_a_bad_request_fails_at_once(jobs: Jobs, studio: Studio) -> None:
    async def handle(*_arguments: object) -> Job.Result:
        raise InvalidArgument("steps must be 1..100", field="steps", limit="1..100")

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.attempts) == (jobs_pb2.JOB_STATE_FAILED, 1)
    assert (done.problem.code, done.problem.field, done.problem.limit) == ("invalid_argument", "steps", "1..100")


async def test_a_retryable_failure_is_tried_again(jobs: Jobs, studio: Studio) -> None:
    async def handle(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
        if context.attempt < 3:
            raise Unavailable("Triton is away")
        return painted()

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.attempts) == (jobs_pb2.JOB_STATE_SUCCEEDED, 3)


async def test_a_failure_that_stays_ends_the_job_after_the_last_attempt(jobs: Jobs, studio: Studio) -> None:
    async def handle(*_arguments: object) -> Job.Result:
        raise ZeroDivisionError("secret detail")

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.attempts, done.problem.code) == (jobs_pb2.JOB_STATE_FAILED, 3, "internal")
    assert "secret" not in done.problem.message


async def test_a_deadline_that_passes_in_the_queue_fails_the_job(jobs: Jobs, studio: Studio) -> None:
    job, _ = await jobs.submit(paint(), owner=OWNER, timeout_s=0.1)
    await asyncio.sleep(0.2)

    async def handle(*_arguments: object) -> Job.Result:
        raise AssertionError("it must not start")

    await studio.worker(handle)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.attempts, done.problem.code) == (jobs_pb2.JOB_STATE_FAILED, 0, "deadline_exceeded")


async def test_a_deadline_that_passes_at_work_cancels_the_handler_and_fails_the_job(jobs: Jobs, studio: Studio) -> None:
    cancelled = asyncio.Event()

    async def handle(*_arguments: object) -> Job.Result:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return painted()

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER, timeout_s=0.3)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.attempts, done.problem.code) == (jobs_pb2.JOB_STATE_FAILED, 1, "deadline_exceeded")
    assert cancelled.is_set()


async def test_a_cancelled_running_job_stops_at_once_and_frees_its_slot(jobs: Jobs, studio: Studio) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def handle(queued: Queued, _job: Job, _context: JobContext) -> Job.Result:
        if queued.task.paint.prompt == "quick":
            return painted()
        started.set()
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()
        return painted()

    await studio.worker(handle)
    job, _ = await jobs.submit(paint("slow"), owner=OWNER)
    next_job, _ = await jobs.submit(paint("quick"), owner=OWNER)
    await started.wait()
    answer = await jobs.cancel(job.id, OWNER)
    assert answer.state == jobs_pb2.JOB_STATE_CANCELLED
    assert await jobs.cancel(job.id, OWNER) == answer
    async with asyncio.timeout(2):
        await stopped.wait()
    assert (await jobs.wait(next_job.id, OWNER, 5)).state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert (await jobs.get(job.id, OWNER)).state == jobs_pb2.JOB_STATE_CANCELLED


async def test_a_cancelled_waiting_job_is_never_started_and_its_place_is_free(jobs: Jobs, studio: Studio) -> None:
    submitted = [(await jobs.submit(paint(), owner=OWNER))[0] for _ in range(8)]
    await jobs.cancel(submitted[3].id, OWNER)
    last, _ = await jobs.submit(paint(), owner=OWNER)
    seen: list[str] = []

    async def handle(_queued: Queued, job: Job, _context: JobContext) -> Job.Result:
        seen.append(job.id)
        return painted()

    await studio.worker(handle)
    await jobs.wait(last.id, OWNER, 10)
    assert seen == [job.id for job in [*submitted[:3], *submitted[4:], last]]


async def test_a_worker_that_missed_the_cancellation_sees_it_at_its_heartbeat(
    jobs: Jobs, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = asyncio.Event()

    async def handle(*_arguments: object) -> Job.Result:
        try:
            await asyncio.sleep(30)
        finally:
            stopped.set()
        return painted()

    worker = await studio.worker(handle)
    assert worker._cancels is not None
    await worker._cancels.unsubscribe()
    monkeypatch.setattr(worker, "_cancels", None)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    await until(lambda: is_running(jobs, job.id))
    await jobs.cancel(job.id, OWNER)
    async with asyncio.timeout(5):
        await stopped.wait()


async def is_running(jobs: Jobs, job_id: str) -> bool:
    return (await jobs.get(job_id, OWNER)).state == jobs_pb2.JOB_STATE_RUNNING


async def test_a_drained_worker_finishes_what_it_can_and_hands_back_the_rest(jobs: Jobs, studio: Studio) -> None:
    async def slow_on_the_first(queued: Queued, _job: Job, _context: JobContext) -> Job.Result:
        await asyncio.sleep(0.3 if queued.task.paint.prompt == "short" else 30)
        return painted()

    async def quick(_queued: Queued, _job: Job, _context: JobContext) -> Job.Result:
        return painted()

    studio.settings = studio.settings.model_copy(update={"ack_wait_s": 20.0})
    first = await studio.worker(slow_on_the_first, concurrency=2)
    short, _ = await jobs.submit(paint("short"), owner=OWNER)
    long, _ = await jobs.submit(paint("long"), owner=OWNER)
    waiting, _ = await jobs.submit(paint("waiting"), owner=OWNER)
    await until(lambda: is_running(jobs, short.id))
    await until(lambda: is_running(jobs, long.id))
    await first.drain(0.8)
    assert (await jobs.get(short.id, OWNER)).state == jobs_pb2.JOB_STATE_SUCCEEDED
    handed_back = await jobs.get(long.id, OWNER)
    assert (handed_back.state, handed_back.attempts) == (jobs_pb2.JOB_STATE_QUEUED, 1)
    assert (await jobs.get(waiting.id, OWNER)).attempts == 0
    await studio.worker(quick)
    # Without the hand-back it would come only after the acknowledgement's time.
    done = await jobs.wait(long.id, OWNER, 10)
    assert (done.state, done.attempts) == (jobs_pb2.JOB_STATE_SUCCEEDED, 2)
    assert (await jobs.wait(waiting.id, OWNER, 5)).state == jobs_pb2.JOB_STATE_SUCCEEDED


async def test_jobs_longer_than_the_acknowledgement_time_are_not_delivered_twice(jobs: Jobs, studio: Studio) -> None:
    starts = 0

    async def handle(*_arguments: object) -> Job.Result:
        nonlocal starts
        starts += 1
        await asyncio.sleep(2 * studio.settings.ack_wait_s)
        return painted()

    await studio.worker(handle, concurrency=2)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    done = await jobs.wait(job.id, OWNER, 20)
    assert (done.state, done.attempts, starts) == (jobs_pb2.JOB_STATE_SUCCEEDED, 1, 1)


async def test_a_late_worker_cannot_overwrite_the_truth(
    jobs: Jobs, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []
    released = asyncio.Event()

    async def stalled(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
        attempts.append(context.attempt)
        try:
            await released.wait()
        except asyncio.CancelledError:
            # A handler that cannot be stopped, as a library call that blocks.
            await released.wait()
        return painted("late")

    async def prompt(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
        attempts.append(context.attempt)
        return painted("true")

    async def silent(_self: object) -> None:
        await asyncio.sleep(60)

    with monkeypatch.context() as patched:
        patched.setattr("luce.server.jobs.attempt.Attempt._heartbeat", silent)
        await studio.worker(stalled)
        job, _ = await jobs.submit(paint(), owner=OWNER)
        # The record says "running" a moment before the attempt takes its heartbeat; the handler starts after it.
        await until(lambda: attempts == [1])
    await studio.worker(prompt)
    done = await jobs.wait(job.id, OWNER, 10)
    assert (done.state, done.result.paint.images[0].image.key, done.attempts) == (
        jobs_pb2.JOB_STATE_SUCCEEDED,
        "true",
        2,
    )
    released.set()
    await until(lambda: idle(studio))
    assert attempts == [1, 2]
    assert (await jobs.get(job.id, OWNER)).result.paint.images[0].image.key == "true"


async def idle(studio: Studio) -> bool:
    return all(worker.running == 0 for worker in studio.workers)


async def test_progress_reaches_the_record(jobs: Jobs, studio: Studio) -> None:
    go_on = asyncio.Event()

    async def handle(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
        await context.progress("listen", 0.25)
        await context.partial(prompt=agents_pb2.Prompt(text="a sea"))
        await go_on.wait()
        return painted()

    await studio.worker(handle)
    job, _ = await jobs.submit(paint(), owner=OWNER)

    async def told() -> bool:
        now = await jobs.get(job.id, OWNER)
        return (now.stage, now.fraction) == ("listen", 0.25) and now.eta_s >= 0

    await until(told)
    go_on.set()
    assert (await jobs.wait(job.id, OWNER, 5)).state == jobs_pb2.JOB_STATE_SUCCEEDED


async def test_the_trace_and_the_name_of_the_submitter_reach_the_handler(jobs: Jobs, studio: Studio) -> None:
    seen: list[tuple[str, str]] = []

    async def handle(_queued: Queued, _job: Job, context: JobContext) -> Job.Result:
        seen.append((current_trace_id(), context.owner))
        return painted()

    await studio.worker(handle)
    with server_span("submit", {}):
        trace_id = current_trace_id()
        job, _ = await jobs.submit(paint(), owner="jürgen & co")
    assert (await jobs.wait(job.id, "jürgen & co", 10)).state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert seen == [(trace_id, "jürgen & co")]


async def test_a_changed_acknowledgement_time_reaches_a_consumer_that_exists(jobs: Jobs, studio: Studio) -> None:
    async def handle(*_arguments: object) -> Job.Result:
        return painted()

    await studio.worker(handle)
    studio.settings = studio.settings.model_copy(update={"ack_wait_s": 7.0, "max_queued": 3})
    await studio.worker(handle)
    js = studio.nc.jetstream()
    assert (await js.consumer_info("LUCE_JOBS", "paint")).config.ack_wait == 7.0
    assert (await js.stream_info("LUCE_JOBS")).config.max_msgs_per_subject == 3


async def test_slots_and_service_time_of_living_workers_make_the_forecast(jobs: Jobs, studio: Studio) -> None:
    async def handle(*_arguments: object) -> Job.Result:
        await asyncio.sleep(0.2)
        return painted()

    first = await studio.worker(handle, concurrency=3)
    job, _ = await jobs.submit(paint(), owner=OWNER)
    await jobs.wait(job.id, OWNER, 10)
    await first._report()
    first.pause()
    await asyncio.sleep(0.3)
    submitted = [(await jobs.submit(paint(), owner=OWNER))[0] for _ in range(6)]
    assert submitted[0].eta_s < submitted[5].eta_s < 3.0
    await first.drain(1)
    await asyncio.sleep(0.3)
    # Nobody lives, nothing is known: one slot, the expected time.
    assert (await jobs.get(submitted[5].id, OWNER)).eta_s >= 6 * studio.settings.service_time_s
