"""Accepting a job: durable when it is told, refused when the queue is full, the same when it is repeated."""

from __future__ import annotations

import datetime
import logging
import math
from typing import Final

from luce.errors import IdempotencyMismatch, InvalidArgument, ResourceExhausted, ServiceError
from luce.server.bus.streams import StreamFull, WrongRevision
from luce.server.jobs import record as transitions
from luce.server.jobs.identity import (
    ensure_seed,
    fingerprint,
    idempotency_record_key,
    kind_of,
    new_job_id,
    record_key,
)
from luce.server.jobs.queue import QueueObserver
from luce.server.jobs.store import QUEUE, Held, JobStore
from luce.server.settings import JobSettings
from luce.server.telemetry import inject
from luce.v1 import jobs_pb2, records_pb2

log = logging.getLogger(__name__)

MAX_KEY_LENGTH: Final = 255


class Submission:
    """One submission.

    The order is what makes it safe: the idempotency key names the job's id before anything else exists; the message is
    next, because the queue's bound decides there; the record is last, and only its existence makes the job real. A
    worker that gets a message without a record waits, then drops it. Whoever repeats an interrupted submission
    finishes it.

    Args:
        store: of the jobs.
        queues: for the retry hint.
        settings: limits.
        task: what to do; copied.
        owner: whose job it is.
    """

    def __init__(
        self, store: JobStore, queues: QueueObserver, settings: JobSettings, task: jobs_pb2.Task, owner: str
    ) -> None:
        self._store = store
        self._queues = queues
        self._settings = settings
        self._owner = owner
        self._task = jobs_pb2.Task()
        self._task.CopyFrom(task)
        self.kind = kind_of(task)
        self._job_id = new_job_id()

    async def run(self, idempotency_key: str, timeout_s: float) -> tuple[Held, bool]:
        """Submit; answers the record and whether it is new. Raises as `Jobs.submit` does."""
        _check(idempotency_key, timeout_s)
        if idempotency_key and not await self._claim(idempotency_key):
            entry = await self._store.records.get(record_key(self._owner, self._job_id))
            if entry is not None:
                return Held.of(entry), False
        now = transitions.utc_now()
        seed = ensure_seed(self._task)
        limit = min(timeout_s or self._settings.timeout_s, self._settings.timeout_s)
        queued = jobs_pb2.QueuedTask(job_id=self._job_id, task=self._task)
        queued.deadline.FromDatetime(now + datetime.timedelta(seconds=limit))
        trace = inject({})
        try:
            sequence = await self._store.enqueue(self.kind, queued, self._owner, trace)
        except StreamFull:
            raise await self._refusal() from None
        record = transitions.created(
            queued, kind=self.kind, owner=self._owner, seed=seed, queue_sequence=sequence, now=now, trace=trace
        )
        return await self._record(record)

    async def _claim(self, idempotency_key: str) -> bool:
        """Tie the key to this job's id; False where it is tied to another one's, which this one then becomes."""
        key = idempotency_record_key(self._owner, idempotency_key)
        mine = records_pb2.IdempotencyRecord(job_id=self._job_id, fingerprint=fingerprint(self._task))
        try:
            await self._store.idempotency.create(key, mine.SerializeToString())
        except WrongRevision:
            entry = await self._store.idempotency.get(key)
            if entry is None:
                # It expired between the two requests.
                return await self._claim(idempotency_key)
            first = records_pb2.IdempotencyRecord.FromString(entry.value)
            if first.fingerprint != mine.fingerprint:
                raise IdempotencyMismatch(
                    "this idempotency key was used before, with another request", field="idempotency_key"
                ) from None
            self._job_id = first.job_id
            return False
        return True

    async def _record(self, record: records_pb2.JobRecord) -> tuple[Held, bool]:
        try:
            held = await self._store.create(record)
        except WrongRevision:
            # The same submission came twice at once, and the other one was faster.
            return await self._store.find(self._owner, self._job_id), False
        except BaseException:
            # Nobody was told that it is accepted; without the message it makes no work.
            await self._withdraw(record.queue_sequence)
            raise
        self._queues.note_submitted(self.kind, record.queue_sequence)
        try:
            await self._store.tell_state(held)
        except ServiceError as error:
            log.warning("job %s: accepted, but the event was not told: %s", record.job.id, error)
        return held, True

    async def _withdraw(self, sequence: int) -> None:
        try:
            await self._store.streams.delete(QUEUE, sequence)
        except ServiceError as error:
            log.warning("a message without a record stays until a worker drops it: %s", error)

    async def _refusal(self) -> ResourceExhausted:
        limit = self._settings.max_queued
        queue = await self._queues.look(self.kind)
        return ResourceExhausted(
            f"the queue is full: {limit} jobs of kind {self.kind!r} are unfinished",
            limit=str(limit),
            retry_after=queue.retry_after(limit),
        )


def _check(idempotency_key: str, timeout_s: float) -> None:
    if len(idempotency_key) > MAX_KEY_LENGTH:
        raise InvalidArgument(
            f"idempotency_key has {len(idempotency_key)} characters, more than {MAX_KEY_LENGTH}",
            field="idempotency_key",
            limit=f"0..{MAX_KEY_LENGTH} characters",
        )
    if not (0 <= timeout_s < math.inf):
        raise InvalidArgument(f"timeout_s must be 0 or more seconds, not {timeout_s}", field="timeout_s", limit="0..")
