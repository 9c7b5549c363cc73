"""The worker's side of jobs: pull, run, report, finish exactly once."""

from __future__ import annotations

import asyncio
import datetime
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from luce.errors import DeadlineExceeded, Internal, LuceError, NotFound, ServiceError, Unavailable
from luce.server import errors
from luce.server.bus.connection import BusClient
from luce.server.bus.objects import ObjectStore
from luce.server.deadline import Deadline
from luce.server.jobs import record as transitions
from luce.server.jobs.attempt import Attempt, Bench, JobHandler, Stop
from luce.server.jobs.context import JobContext
from luce.server.jobs.puller import Puller
from luce.server.jobs.store import OWNER_HEADER, QUEUE, Held, JobStore
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, JobSettings
from luce.v1 import jobs_pb2, records_pb2

log = logging.getLogger(__name__)

REPORT_INTERVAL_S: Final = 5.0
# Weight of the newest job in the mean of the service time.
EWMA_WEIGHT: Final = 0.2
# A message is stored a moment before its record.
_RECORD_WAIT_S: Final = 0.5
_RECORD_DELIVERIES: Final = 8
_HAND_BACK_S: Final = 5.0


class JobWorker:
    """Runs the jobs of one kind. A `ServiceHost` starts and drains it.

    Args:
        kind: of the jobs, such as "paint".
        handler: does the work. It raises a `RequestError` where the request is at fault (the job fails at once);
            after any other error it is tried again, with a pause. It is cancelled where the job is.
        concurrency: how many jobs run at once in this process.
        settings: of the jobs; the same in all processes.
        bus: of the connection.
    """

    def __init__(
        self,
        kind: str,
        handler: JobHandler,
        *,
        concurrency: int,
        settings: JobSettings | None = None,
        bus: BusSettings | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency}")
        self.kind = kind
        self.concurrency = concurrency
        self._handler = handler
        self._settings = settings or JobSettings()
        self._bus = bus or BusSettings()
        self._id = secrets.token_hex(6)
        self._running: dict[str, Attempt] = {}
        self._lanes: list[asyncio.Task[None]] = []
        self._pullers: list[Puller] = []
        self._idle: set[asyncio.Task[None]] = set()
        self._draining = False
        self._open = asyncio.Event()
        self._open.set()
        self._service_time_s = 0.0
        self._reporting: asyncio.Task[None] | None = None
        self._cancels: Subscription | None = None
        self._unregister: Callable[[], None] | None = None

    def pause(self) -> None:
        """Start no more jobs until `resume`: what they need does not work. They keep their place in the queue."""
        self._open.clear()

    def resume(self) -> None:
        """Start jobs again."""
        self._open.set()

    @property
    def running(self) -> int:
        """Jobs that run here now."""
        return len(self._running)

    async def start(self, nc: BusClient, metrics: Metrics | None = None) -> None:
        """Reconcile the streams and start to pull. Raises `Unavailable`."""
        store = JobStore(nc, self._settings, self._bus)
        patient = store.patient(self._settings.outage_patience_s)
        self._bench = Bench(self.kind, self._handler, store, patient, self._settings, metrics or Metrics())
        self._objects = ObjectStore(nc.jetstream(), self._bus, patience_s=self._settings.outage_patience_s)
        self._previews = ObjectStore(nc.jetstream(), self._bus)
        self._metrics = self._bench.metrics
        self._metrics.jobs_slots.labels(self.kind).set(self.concurrency)
        await self._ensure(store)
        await self._objects.ensure()
        await self._report()
        # From here on nothing answers `Unavailable`: a start that failed can be repeated.
        self._unregister = nc.on_reconnect(lambda: self._ensure(patient))
        self._cancels = await nc.subscribe("luce.cancel.*", cb=self._on_cancel)
        self._reporting = asyncio.create_task(self._keep_reporting(), name=f"{self.kind}-report")
        for lane in range(self.concurrency):
            puller = Puller(nc, QUEUE, self.kind, repair=lambda: self._ensure(store), heard=self._heard)
            await puller.open()
            self._pullers.append(puller)
            self._lanes.append(asyncio.create_task(self._work(puller), name=f"{self.kind}-lane-{lane}"))

    async def drain(self, timeout_s: float) -> None:
        """Take no more jobs; wait `timeout_s` seconds for those that run; hand the others back at once."""
        self._draining = True
        for lane in tuple(self._idle):
            lane.cancel()
        await asyncio.gather(*(puller.close() for puller in self._pullers))
        busy = [lane for lane in self._lanes if not lane.done()]
        if busy:
            await asyncio.wait(busy, timeout=timeout_s)
        for attempt in tuple(self._running.values()):
            attempt.stop(Stop.HANDED_BACK)
        busy = [lane for lane in self._lanes if not lane.done()]
        if busy:
            _, stuck = await asyncio.wait(busy, timeout=_HAND_BACK_S)
            for lane in stuck:
                log.error("%s does not end; its job is delivered again", lane.get_name())
                lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        await self._leave()

    async def _ensure(self, store: JobStore) -> None:
        await store.ensure()
        await store.ensure_consumer(self.kind)

    async def _work(self, puller: Puller) -> None:
        lane = asyncio.current_task()
        while not self._draining and lane is not None:
            self._idle.add(lane)
            try:
                await self._open.wait()
                message = await puller.next()
            finally:
                self._idle.discard(lane)
            if not self._open.is_set():
                # It was asked for before the pause.
                await _nak(message, 1.0)
                continue
            try:
                await self._process(message)
            except (LuceError, nats.errors.Error) as error:
                log.warning("a job of kind %s comes again: %s", self.kind, error)
                await _nak(message, 1.0)
            except Exception:
                # A defect here must not take the lane down; the queue delivers the job again after a while.
                log.exception("a job of kind %s could not be started", self.kind)
                await _nak(message, 5.0)

    async def _process(self, message: Msg) -> None:
        try:
            queued = jobs_pb2.QueuedTask.FromString(message.data)
            owner = (message.headers or {})[OWNER_HEADER]
        except (DecodeError, KeyError):
            log.error("a message of kind %s is not a job and is dropped", self.kind)
            await message.term()
            return
        if (attempt := self._running.get(queued.job_id)) is not None:
            attempt.adopt(message)
            return
        held = await self._find(owner, queued.job_id, message)
        if held is None:
            return
        now = transitions.utc_now()
        try:
            if (refusal := self._refusal(held, queued, now)) is not None:
                await self._give_up(held, refusal, now)
            else:
                held = await self._bench.store.change(held, lambda record: transitions.started(record, now))
                await self._run(message, queued, held)
                return
        except transitions.Ended:
            # Cancelled while it waited, or finished by a worker whose acknowledgement was lost.
            log.debug("job %s has ended before", queued.job_id)
        await message.ack()

    async def _find(self, owner: str, job_id: str, message: Msg) -> Held | None:
        """The record of a message; None where there is none (yet), and the message is answered."""
        limit = time.monotonic() + _RECORD_WAIT_S
        pause = 0.001
        while True:
            try:
                return await self._bench.store.find(owner, job_id)
            except NotFound:
                if time.monotonic() > limit:
                    break
                await asyncio.sleep(pause)
                pause = min(2 * pause, 0.05)
        if message.metadata.num_delivered < _RECORD_DELIVERIES:
            await message.nak(1.0)
        else:
            log.warning("job %s was never accepted (or has expired); its message is dropped", job_id)
            await message.term()
        return None

    def _refusal(self, held: Held, queued: jobs_pb2.QueuedTask, now: datetime.datetime) -> ServiceError | None:
        if transitions.is_final(held.job):
            return None
        if queued.deadline.ToDatetime(datetime.UTC) <= now:
            return DeadlineExceeded("the deadline passed before a worker was free")
        if (tries := transitions.failures(held.record)) >= self._settings.max_attempts:
            return Internal(f"given up: {tries} workers ended while they ran this job")
        return None

    async def _give_up(self, held: Held, error: ServiceError, now: datetime.datetime) -> None:
        problem = errors.to_problem(error)
        held = await self._bench.store.change(held, lambda record: transitions.failed(record, None, problem, now=now))
        log.warning("job %s: %s", held.job.id, error.message)
        self._metrics.jobs_finished.labels(self.kind, "failed", problem.code).inc()
        await self._bench.patient.tell_state(held)

    async def _run(self, message: Msg, queued: jobs_pb2.QueuedTask, held: Held) -> None:
        left = (queued.deadline.ToDatetime(datetime.UTC) - transitions.utc_now()).total_seconds()
        job_id = queued.job_id
        context = JobContext(
            self._bench.store,
            held,
            Deadline.after(left),
            objects=self._objects,
            previews=self._previews,
            lost=lambda: self._stop(job_id, Stop.LOST),
        )
        attempt = Attempt(self._bench, message, queued, context)
        self._running[job_id] = attempt
        self._metrics.jobs_running.labels(self.kind).set(len(self._running))
        try:
            await self._tell_started(held)
            seconds = await attempt.run()
        finally:
            del self._running[job_id]
            self._metrics.jobs_running.labels(self.kind).set(len(self._running))
        if seconds is not None:
            known = self._service_time_s
            self._service_time_s = seconds if known == 0 else known + EWMA_WEIGHT * (seconds - known)

    async def _tell_started(self, held: Held) -> None:
        try:
            await self._bench.store.tell_state(held)
        except Unavailable as error:
            log.debug("job %s: the event was not told: %s", held.job.id, error)

    def _stop(self, job_id: str, reason: Stop) -> None:
        if (attempt := self._running.get(job_id)) is not None:
            attempt.stop(reason)

    async def _on_cancel(self, message: Msg) -> None:
        self._stop(message.subject.rpartition(".")[2], Stop.CANCELLED)

    def _heard(self) -> None:
        self._metrics.jobs_last_fetch.labels(self.kind).set_to_current_time()

    async def _keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            try:
                await self._report()
            except LuceError as error:
                log.debug("not reported: %s", error)

    async def _report(self) -> None:
        report = records_pb2.WorkerReport(
            kind=self.kind, slots=self.concurrency, running=self.running, service_time_s=self._service_time_s
        )
        await self._bench.store.workers.put(f"{self.kind}.{self._id}", report.SerializeToString())
        consumer = await self._bench.store.streams.consumer(QUEUE, self.kind)
        if consumer is not None:
            self._metrics.jobs_waiting.labels(self.kind).set(consumer.num_pending or 0)

    async def _leave(self) -> None:
        if self._unregister is not None:
            self._unregister()
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)
        try:
            if self._cancels is not None:
                await self._cancels.unsubscribe()
            await self._bench.store.workers.delete(f"{self.kind}.{self._id}")
        except (LuceError, nats.errors.Error) as error:
            log.debug("left without saying so: %s", error)


async def _nak(message: Msg, delay_s: float) -> None:
    try:
        await message.nak(delay_s)
    except (nats.errors.Error, OSError):
        log.debug("not handed back; it comes again after the acknowledgement's time")
