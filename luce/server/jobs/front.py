"""The front side of jobs: submit, look, list, cancel, watch. The gateway's doors call this."""

from __future__ import annotations

import asyncio
import builtins
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import nats.errors

from luce.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, ServiceError, Unavailable
from luce.server.bus.connection import BusClient
from luce.server.jobs import record as transitions
from luce.server.jobs.events import follow, until_final
from luce.server.jobs.identity import is_job_id, kind_of, owner_token
from luce.server.jobs.janitor import Janitor
from luce.server.jobs.queue import QueueObserver
from luce.server.jobs.store import QUEUE, Held, JobStore, cancel_subject
from luce.server.jobs.submission import Submission
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, JobSettings
from luce.v1 import jobs_pb2, records_pb2

log = logging.getLogger(__name__)

MAX_PAGE_SIZE: Final = 100
DEFAULT_PAGE_SIZE: Final = 20
_READ_AT_ONCE: Final = 64


class Jobs:
    """Jobs as their owners see them. `await start()` before use, `await close()` after.

    Args:
        nc: a connected client.
        settings: limits, times to live.
        bus: request timeout and replicas.
        metrics: where to count; a registry of its own where left out.
    """

    def __init__(
        self,
        nc: BusClient,
        settings: JobSettings | None = None,
        *,
        bus: BusSettings | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._nc = nc
        self._settings = settings or JobSettings()
        self._metrics = metrics or Metrics()
        self._store = JobStore(nc, self._settings, bus or BusSettings())
        self._following = self._store.patient(self._settings.outage_patience_s)
        self._queues = QueueObserver(self._store, self._settings)
        self._janitor: asyncio.Task[None] | None = None
        self._unregister: Callable[[], None] = _nothing

    async def start(self) -> None:
        """Create or reconcile streams and buckets, and start the janitor. Raises `Unavailable`."""
        await self._store.ensure()
        # A server that lost its disk comes back empty.
        self._unregister = self._nc.on_reconnect(self._following.ensure)
        janitor = Janitor(self._store, self._settings, self._metrics)
        self._janitor = asyncio.create_task(janitor.run(), name="jobs-janitor")

    async def close(self) -> None:
        """Stop the janitor; the connection stays open."""
        self._unregister()
        if self._janitor is not None:
            self._janitor.cancel()
            await asyncio.gather(self._janitor, return_exceptions=True)
            self._janitor = None

    async def ready(self) -> None:
        """Return when NATS takes jobs. Raises `Unavailable`."""
        await self._store.streams.last(QUEUE, "luce.jobs.none")

    async def submit(
        self, task: jobs_pb2.Task, *, owner: str, idempotency_key: str = "", timeout_s: float = 0
    ) -> tuple[jobs_pb2.Job, bool]:
        """Accept work. When this returns, message and record are stored.

        Args:
            task: what to do; a seed that it lacks is drawn and recorded.
            owner: whose job it is.
            idempotency_key: same key, same task: the same job. At most 255 characters.
            timeout_s: give up so many seconds after submission; 0: the server's own limit, which is also the longest.

        Returns:
            The job, and whether this call created it.

        Raises `ResourceExhausted` with `retry_after` where the queue is full, `IdempotencyMismatch`,
        `InvalidArgument`, `Unavailable`.
        """
        kind = kind_of(task)
        begin = time.perf_counter()
        outcome = "failed"
        try:
            submission = Submission(self._store, self._queues, self._settings, task, owner)
            held, new = await submission.run(idempotency_key, timeout_s)
            outcome = "accepted" if new else "repeated"
        except ResourceExhausted:
            outcome = "refused"
            raise
        finally:
            self._metrics.jobs_submitted.labels(kind, outcome).inc()
        self._metrics.jobs_submit_duration.labels(kind).observe(time.perf_counter() - begin)
        return await self._show_accepted(held), new

    async def get(self, job_id: str, owner: str) -> jobs_pb2.Job:
        """The job now, with live position and ETA. Raises `NotFound` (also for another owner's), `Unavailable`."""
        held = await self._store.find(owner, job_id)
        return await self._queues.show(held.record)

    async def list(
        self, owner: str, page_size: int = 20, page_token: str = "", states: Sequence[jobs_pb2.JobState.ValueType] = ()
    ) -> tuple[list[jobs_pb2.Job], str]:
        """One page of an owner's jobs, newest first, and the token of the next page ("": the last one).

        Raises `InvalidArgument` (page size outside of 1..100, a token of another list), `Unavailable`.
        """
        page_size = page_size or DEFAULT_PAGE_SIZE
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            limit = f"1..{MAX_PAGE_SIZE}"
            raise InvalidArgument(f"page_size must be {limit}, not {page_size}", field="page_size", limit=limit)
        if page_token and not is_job_id(page_token):
            raise InvalidArgument("page_token is not one that this server gave", field="page_token")
        token = owner_token(owner)
        keys = sorted(await self._store.records.keys(f"{token}.*"), reverse=True)
        if page_token:
            keys = [key for key in keys if key < f"{token}.{page_token}"]
        wanted = frozenset(states)
        found: builtins.list[records_pb2.JobRecord] = []
        # One more than the page holds tells whether there is a next one.
        while keys and len(found) <= page_size:
            chunk, keys = keys[:_READ_AT_ONCE], keys[_READ_AT_ONCE:]
            entries = await self._store.records.get_many(chunk)
            records = [Held.of(entries[key]).record for key in chunk if key in entries]
            found.extend(record for record in records if not wanted or record.job.state in wanted)
        page = [await self._queues.show(record) for record in found[:page_size]]
        return page, page[-1].id if len(found) > page_size else ""

    async def cancel(self, job_id: str, owner: str) -> jobs_pb2.Job:
        """Cancel a queued or running job; a cancelled one is answered as it is.

        Raises `FailedPrecondition` where it succeeded or failed before, `NotFound`, `Unavailable`.
        """
        before = await self._store.find(owner, job_id)
        now = transitions.utc_now()
        try:
            after = await self._store.change(before, lambda record: transitions.cancelled(record, now))
        except transitions.Ended as ended:
            held = await self._store.find(owner, job_id)
            if held.job.state == transitions.CANCELLED:
                return held.job
            raise FailedPrecondition(f"the job has {ended} already", field="id") from None
        self._metrics.jobs_finished.labels(after.job.kind, "cancelled", "").inc()
        await self._stop_work(after, waiting=before.job.state == transitions.QUEUED)
        return after.job

    def watch(self, job_id: str, owner: str, after_sequence: int = 0) -> AsyncIterator[jobs_pb2.JobEvent]:
        """What has happened after `after_sequence`, then what happens, until the job ends.

        The last event is the terminal state, also where the event itself was dropped; nothing follows where the
        client has seen it. A restart of NATS in between only delays it. Raises `NotFound`, `Unavailable`.
        """
        return follow(self._following, job_id, owner, after_sequence)

    async def wait(self, job_id: str, owner: str, timeout_s: float) -> jobs_pb2.Job:
        """The job when it ends, or as it is after `timeout_s` seconds. Raises `NotFound`, `Unavailable`."""
        await until_final(self._store, job_id, owner, timeout_s)
        return await self.get(job_id, owner)

    async def _show_accepted(self, held: Held) -> jobs_pb2.Job:
        try:
            return await self._queues.show(held.record)
        except Unavailable:
            # It is accepted; that NATS left right now only costs the position.
            return held.job

    async def _stop_work(self, held: Held, *, waiting: bool) -> None:
        # The record is what counts. A worker that misses the message sees it at its next heartbeat, or when it starts.
        try:
            await self._nc.publish(cancel_subject(held.job.id), b"")
            if waiting:
                await self._store.streams.delete(QUEUE, held.record.queue_sequence)
            await self._store.tell_state(held)
        except (ServiceError, nats.errors.Error) as error:
            log.warning("job %s: cancelled, but not everybody was told: %s", held.job.id, error)


def _nothing() -> None:
    """Nothing to undo."""
