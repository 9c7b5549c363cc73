"""One start of one job: run the handler beside its heartbeat, then conclude exactly once."""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from luce.errors import Internal, LuceError, NotFound, RequestError, Unavailable
from luce.server import errors
from luce.server.jobs import record as transitions
from luce.server.jobs.context import JobContext
from luce.server.jobs.store import Held, JobStore
from luce.server.metrics import Metrics
from luce.server.settings import JobSettings
from luce.server.telemetry import server_span
from luce.v1 import jobs_pb2

log = logging.getLogger(__name__)

JobHandler = Callable[[jobs_pb2.QueuedTask, jobs_pb2.Job, JobContext], Awaitable[jobs_pb2.Job.Result]]

_FLUSH_S: Final = 2.0


class Stop(enum.StrEnum):
    """Why a handler is cancelled."""

    CANCELLED = "cancelled"
    LOST = "superseded"
    HANDED_BACK = "handed_back"


@dataclass(frozen=True, slots=True)
class Bench:
    """What every attempt of a worker shares.

    Attributes:
        kind: of the jobs.
        handler: does the work.
        store: of the jobs; impatient, for what may be dropped.
        patient: the same, for what must not be lost while NATS restarts.
        settings: of the jobs.
        metrics: where to count.
    """

    kind: str
    handler: JobHandler
    store: JobStore
    patient: JobStore
    settings: JobSettings
    metrics: Metrics


class Attempt:
    """One start of one job.

    Args:
        bench: what the worker's attempts share.
        message: the delivery; a redelivery to the same worker takes its place (`adopt`).
        queued: the work.
        context: the handler's.
    """

    def __init__(self, bench: Bench, message: Msg, queued: jobs_pb2.QueuedTask, context: JobContext) -> None:
        self._bench = bench
        self._message = message
        self._queued = queued
        self._context = context
        self._begin = time.monotonic()
        self._reason: Stop | None = None
        self._handling: asyncio.Task[jobs_pb2.Job.Result] | None = None

    def adopt(self, message: Msg) -> None:
        """The queue has delivered the job again while it runs here: heartbeat and answer go by the new delivery."""
        self._message = message

    def stop(self, reason: Stop) -> None:
        """Cancel the handler. The first reason counts."""
        if self._reason is None:
            self._reason = reason
            if self._handling is not None:
                self._handling.cancel()

    async def run(self) -> float | None:
        """Work until the job has ended or is in other hands; answers the seconds of a success."""
        context = self._context
        self._handling = asyncio.create_task(self._handle(), name=f"job-{context.job_id}")
        beside = [asyncio.create_task(context.send_pending()), asyncio.create_task(self._heartbeat())]
        if self._reason is not None:
            self._handling.cancel()
        try:
            await asyncio.wait({self._handling})
            await context.flush(_FLUSH_S)
            outcome = await self._conclude(self._handling)
        finally:
            self._handling.cancel()
            for task in beside:
                task.cancel()
            await asyncio.gather(self._handling, *beside, return_exceptions=True)
        self._bench.metrics.jobs_attempts.labels(self._bench.kind, outcome).inc()
        return time.monotonic() - self._begin if outcome == "succeeded" else None

    async def _handle(self) -> jobs_pb2.Job.Result:
        bench, context = self._bench, self._context
        with server_span(f"jobs/{bench.kind}", dict(self._message.headers or {})):
            log.info("job %s: attempt %d", context.job_id, context.attempt)
            async with context.deadline.enforce("the job"):
                job = jobs_pb2.Job()
                job.CopyFrom(context.held.job)
                return await bench.handler(self._queued, job, context)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self._bench.settings.ack_wait_s / 3)
            try:
                await self._message.in_progress()
                held = await self._bench.store.find(self._context.owner, self._context.job_id)
            except NotFound:
                self.stop(Stop.LOST)
            except (LuceError, nats.errors.Error) as error:
                log.debug("job %s: no heartbeat: %s", self._context.job_id, error)
            else:
                # What the cancel subject or a progress report would have told, had they come through.
                if held.job.state == transitions.CANCELLED:
                    self.stop(Stop.CANCELLED)
                elif held.job.state != transitions.RUNNING or held.job.attempts != self._context.attempt:
                    self.stop(Stop.LOST)

    async def _conclude(self, handling: asyncio.Task[jobs_pb2.Job.Result]) -> str:
        """Write the end of the attempt; answers the outcome for the metrics."""
        try:
            if handling.cancelled():
                return await self._conclude_cancelled()
            error = handling.exception()
            if error is None:
                return await self._succeed(handling.result())
            return await self._fail_or_retry(error)
        except transitions.Ended as ended:
            await self._acknowledge()
            return str(ended)
        except (transitions.Superseded, NotFound):
            # The delivery belongs to the other attempt.
            log.warning("job %s: attempt %d was superseded", self._context.job_id, self._context.attempt)
            return Stop.LOST
        except LuceError as error:
            # Without an acknowledgement the job is delivered again.
            log.error("job %s: the end of its attempt was not stored: %s", self._context.job_id, error)
            return "unstored"

    async def _conclude_cancelled(self) -> str:
        if self._reason is Stop.HANDED_BACK:
            await self._change(lambda record: transitions.requeued(record, self._context.attempt, excused=True))
            await self._hand_back(None)
            return self._reason
        if self._reason is Stop.CANCELLED:
            await self._acknowledge()
            return self._reason
        if self._reason is Stop.LOST:
            return self._reason
        return await self._fail_or_retry(Internal("the handler cancelled itself"))

    async def _succeed(self, result: jobs_pb2.Job.Result) -> str:
        context, now = self._context, transitions.utc_now()
        held = await self._change(
            lambda record: transitions.succeeded(
                record, context.attempt, result, timings=context.timings, models=context.models, now=now
            )
        )
        self._count_end(held, "")
        await self._acknowledge()
        return "succeeded"

    async def _fail_or_retry(self, error: BaseException) -> str:
        known = errors.from_exception(error)
        context, settings = self._context, self._bench.settings
        tries = transitions.failures(context.held.record)
        level = logging.INFO if isinstance(known, RequestError) else logging.WARNING
        log.log(
            level,
            "job %s: attempt %d: %s",
            context.job_id,
            context.attempt,
            known.message,
            exc_info=error if isinstance(known, Internal) else None,
        )
        # That something is down is not the job's fault: its deadline ends the waiting, not the number of attempts.
        outage = isinstance(known, Unavailable)
        given_up = tries >= settings.max_attempts and not outage
        if isinstance(known, RequestError) or context.deadline.expired or given_up:
            await self._fail(known)
            return "failed"
        await self._change(lambda record: transitions.requeued(record, context.attempt, excused=outage))
        await self._hand_back(settings.backoff_s[min(context.attempt, len(settings.backoff_s)) - 1])
        return "retried"

    async def _fail(self, error: LuceError) -> None:
        context, now = self._context, transitions.utc_now()
        problem = errors.to_problem(error)
        held = await self._change(
            lambda record: transitions.failed(
                record, context.attempt, problem, timings=context.timings, models=context.models, now=now
            )
        )
        self._count_end(held, problem.code)
        await self._acknowledge()

    async def _change(self, transition: Callable[[transitions.Record], transitions.Record]) -> Held:
        held = await self._bench.patient.change(self._context.held, transition)
        try:
            await self._bench.patient.tell_state(held)
        except LuceError as error:
            log.warning("job %s: the event was not told: %s", self._context.job_id, error)
        return held

    async def _acknowledge(self) -> None:
        await _answer(self._message.ack())

    async def _hand_back(self, delay_s: float | None) -> None:
        await _answer(self._message.nak(delay_s))

    def _count_end(self, held: Held, code: str) -> None:
        metrics, kind = self._bench.metrics, self._bench.kind
        metrics.jobs_finished.labels(kind, transitions.state_name(held.job.state), code).inc()
        metrics.jobs_service_time.labels(kind).observe(time.monotonic() - self._begin)
        for timing in held.job.timings:
            if timing.stage == "queue":
                metrics.jobs_queue_time.labels(kind).observe(timing.seconds)
            else:
                metrics.jobs_stage_time.labels(kind, timing.stage).observe(timing.seconds)


async def _answer(answer: Awaitable[None]) -> None:
    try:
        await answer
    except (nats.errors.Error, OSError) as error:
        # The record tells what happened: a further delivery finds the job ended, or takes it up.
        log.debug("a delivery was not answered: %s", error)
