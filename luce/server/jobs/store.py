"""Where jobs live on JetStream: the queue, the records, the events, the idempotency keys and the workers' reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nats.js import api

from luce.errors import NotFound
from luce.server.bus.connection import BusClient
from luce.server.bus.keyvalue import Bucket, Entry
from luce.server.bus.streams import Streams, WrongRevision
from luce.server.jobs import record as transitions
from luce.server.jobs.identity import is_job_id, record_key
from luce.server.settings import BusSettings, JobSettings
from luce.v1 import jobs_pb2, records_pb2

QUEUE: Final = "LUCE_JOBS"
EVENTS: Final = "LUCE_EVENTS"
OWNER_HEADER: Final = "Luce-Owner"

# The server remembers message ids for so long.
DUPLICATE_WINDOW_S: Final = 120.0
WORKER_REPORT_TTL_S: Final = 15.0
# Bound of jobs that all workers of a kind run together; each takes only what it has a free slot for.
MAX_RUNNING: Final = 1024
_MAX_CONFLICTS: Final = 50


def queue_subject(kind: str) -> str:
    """Where jobs of a kind wait."""
    return f"luce.jobs.{kind}"


def event_subject(job_id: str) -> str:
    """Where a job's events are told."""
    return f"luce.events.{job_id}"


def cancel_subject(job_id: str) -> str:
    """Where workers hear that a job is cancelled."""
    return f"luce.cancel.{job_id}"


@dataclass(frozen=True, slots=True)
class Held:
    """A record as it was at one revision.

    Attributes:
        key: in the bucket of records.
        record: the record.
        revision: what a compare-and-set names.
    """

    key: str
    record: records_pb2.JobRecord
    revision: int

    @classmethod
    def of(cls, entry: Entry) -> Held:
        """From the bucket's entry."""
        return cls(entry.key, records_pb2.JobRecord.FromString(entry.value), entry.revision)

    @property
    def job(self) -> jobs_pb2.Job:
        """The job inside of the record."""
        return self.record.job


class JobStore:
    """Streams and buckets of jobs.

    Args:
        nc: a connected client.
        settings: limits and times to live.
        bus: request timeout and replicas.
        patience_s: how long requests go on while NATS is away, seconds.
    """

    def __init__(self, nc: BusClient, settings: JobSettings, bus: BusSettings, *, patience_s: float = 0.0) -> None:
        self.nc = nc
        self._settings = settings
        self._bus = bus
        self.streams = Streams(nc.jetstream(), timeout_s=bus.request_timeout_s, patience_s=patience_s)
        ttl, replicas = settings.result_ttl_s, bus.replicas
        self.records = Bucket(self.streams, "LUCE_JOB_RECORDS", ttl_s=ttl, replicas=replicas)
        self.idempotency = Bucket(self.streams, "LUCE_IDEMPOTENCY", ttl_s=ttl, replicas=replicas)
        self.workers = Bucket(self.streams, "LUCE_WORKERS", ttl_s=WORKER_REPORT_TTL_S, in_memory=True)

    def patient(self, patience_s: float) -> JobStore:
        """The same, with another patience."""
        return JobStore(self.nc, self._settings, self._bus, patience_s=patience_s)

    async def ensure(self) -> None:
        """Create what is missing and bring the configuration up to date."""
        async with asyncio.TaskGroup() as group:
            for task in (
                self.streams.reconcile(self._queue_config()),
                self.streams.reconcile(self._events_config()),
                self.records.ensure(),
                self.idempotency.ensure(),
                self.workers.ensure(),
            ):
                group.create_task(task)

    async def ensure_consumer(self, kind: str) -> None:
        """Create the workers' consumer of one kind, or bring it up to date (a changed `ack_wait_s`)."""
        await self.streams.reconcile_consumer(
            QUEUE,
            api.ConsumerConfig(
                durable_name=kind,
                filter_subject=queue_subject(kind),
                ack_policy=api.AckPolicy.EXPLICIT,
                ack_wait=self._settings.ack_wait_s,
                # Attempts are counted in the record, where a crash and a hand-back can be told apart.
                max_deliver=-1,
                max_ack_pending=MAX_RUNNING,
            ),
        )

    async def enqueue(
        self, kind: str, queued: jobs_pb2.QueuedTask, owner: str, trace: dict[str, str], *, instead_of: int = 0
    ) -> int:
        """Put a job's message into the queue; said twice within two minutes, it lies there once.

        `instead_of` is the place of the lost message that this one replaces. Raises `StreamFull`.
        """
        return await self.streams.publish(
            queue_subject(kind),
            queued.SerializeToString(),
            headers={OWNER_HEADER: owner, **trace},
            message_id=f"{queued.job_id}.{instead_of}" if instead_of else queued.job_id,
        )

    async def find(self, owner: str, job_id: str) -> Held:
        """A job's record. Raises `NotFound`, also where it is another owner's."""
        entry = await self.records.get(record_key(owner, job_id)) if is_job_id(job_id) else None
        if entry is None:
            raise NotFound(f"no such job: {job_id[:64]!r}", field="id")
        return Held.of(entry)

    async def create(self, record: records_pb2.JobRecord) -> Held:
        """Store a new record. Raises `WrongRevision` where there is one."""
        key = record_key(record.job.owner, record.job.id)
        return Held(key, record, await self.records.create(key, record.SerializeToString()))

    async def change(self, held: Held, transition: Callable[[records_pb2.JobRecord], records_pb2.JobRecord]) -> Held:
        """Apply a transition by compare-and-set; where another change came first, to the record after that one.

        Raises what the transition raises (`Ended`, `Superseded`), and `NotFound` where the record has expired.
        """
        for _ in range(_MAX_CONFLICTS):
            changed = transition(held.record)
            try:
                revision = await self.records.update(held.key, changed.SerializeToString(), held.revision)
            except WrongRevision:
                entry = await self.records.get(held.key)
                if entry is None:
                    raise NotFound("the job's record has expired", field="id") from None
                found = Held.of(entry)
                if found.record == changed:
                    # Our own write: only its acknowledgement was lost.
                    return found
                if found.revision == held.revision:
                    # A replica that has not caught up.
                    await asyncio.sleep(0.02)
                held = found
            else:
                return Held(held.key, changed, revision)
        raise RuntimeError("compare-and-set met too many conflicts")

    async def tell(self, event: jobs_pb2.JobEvent, message_id: str = "") -> None:
        """Publish an event; the same `message_id` is told once."""
        event.at.FromDatetime(transitions.utc_now())
        await self.streams.publish(event_subject(event.job_id), event.SerializeToString(), message_id=message_id)

    async def tell_state(self, held: Held) -> None:
        """Publish the state that a record has at this revision."""
        event = jobs_pb2.JobEvent(job_id=held.job.id, state=held.job)
        await self.tell(event, f"{held.job.id}.{held.revision}")

    def _queue_config(self) -> api.StreamConfig:
        return api.StreamConfig(
            name=QUEUE,
            subjects=["luce.jobs.*"],
            retention=api.RetentionPolicy.WORK_QUEUE,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            max_msgs_per_subject=self._settings.max_queued,
            discard_new_per_subject=True,
            duplicate_window=DUPLICATE_WINDOW_S,
            allow_direct=True,
            num_replicas=self._bus.replicas,
        )

    def _events_config(self) -> api.StreamConfig:
        return api.StreamConfig(
            name=EVENTS,
            subjects=["luce.events.*"],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            max_msgs_per_subject=self._settings.events_per_job,
            max_age=self._settings.event_ttl_s,
            max_bytes=256 * 1024 * 1024,
            duplicate_window=DUPLICATE_WINDOW_S,
            allow_direct=True,
            num_replicas=self._bus.replicas,
        )
