"""What the queue of one kind looks like: who waits, how fast it moves, when to come back."""

from __future__ import annotations

import bisect
import datetime
import math
import time
from dataclasses import dataclass, replace
from typing import Final

from luce.server.jobs import record as transitions
from luce.server.jobs.store import QUEUE, JobStore, queue_subject
from luce.server.settings import JobSettings
from luce.v1 import jobs_pb2, records_pb2

MAX_AGE_S: Final = 0.25
MAX_RETRY_AFTER_S: Final = 600.0
# Below this share a linear forecast tells more of noise than of the end.
_FORECAST_FROM: Final = 0.05


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue of one kind at one moment.

    Attributes:
        waiting: places in the stream of the jobs that no worker has, ascending.
        running: jobs that workers have.
        slots: jobs that all living workers run at once, at least 1.
        service_time_s: mean time of one job, seconds.
    """

    waiting: tuple[int, ...]
    running: int
    slots: int
    service_time_s: float

    def position(self, sequence: int) -> int:
        """Jobs ahead of the one at this place in the stream."""
        return bisect.bisect_left(self.waiting, sequence)

    def eta_of_waiting(self, position: int) -> float:
        """Seconds until the job with so many ahead of it is done."""
        rounds = (self.running + position) // self.slots + 1
        return rounds * self.service_time_s

    def eta_of_running(self, elapsed_s: float, fraction: float) -> float:
        """Seconds until a job that runs for so long and has come so far is done."""
        if fraction >= _FORECAST_FROM:
            return elapsed_s * (1.0 - fraction) / fraction
        return max(0.0, self.service_time_s - elapsed_s)

    def retry_after(self, unfinished: int) -> float:
        """Seconds until the jobs of a full queue are done: jobs x mean time / slots, in 1..600."""
        return min(MAX_RETRY_AFTER_S, max(1.0, math.ceil(unfinished * self.service_time_s / self.slots)))


class QueueObserver:
    """Looks at queues, each at most four times a second however many ask.

    Args:
        store: of the jobs.
        settings: limits, and the service time until one is measured.
    """

    def __init__(self, store: JobStore, settings: JobSettings) -> None:
        self._store = store
        self._settings = settings
        self._known: dict[str, tuple[float, QueueState]] = {}

    async def look(self, kind: str) -> QueueState:
        """The queue of a kind, at most 0.25 s old. Raises `Unavailable`."""
        at, state = self._known.get(kind, (-math.inf, None))
        if state is None or time.monotonic() - at > MAX_AGE_S:
            state = await self._read(kind)
            self._known[kind] = (time.monotonic(), state)
        return state

    def note_submitted(self, kind: str, sequence: int) -> None:
        """Count a job in that came after the last look."""
        at, state = self._known.get(kind, (0.0, None))
        if state is not None and (not state.waiting or sequence > state.waiting[-1]):
            self._known[kind] = (at, replace(state, waiting=(*state.waiting, sequence)))

    async def show(self, record: records_pb2.JobRecord) -> jobs_pb2.Job:
        """The job of a record, with its position and ETA now."""
        job = jobs_pb2.Job()
        job.CopyFrom(record.job)
        if job.state == transitions.QUEUED:
            queue = await self.look(job.kind)
            job.position = queue.position(record.queue_sequence)
            job.eta_s = queue.eta_of_waiting(job.position)
        elif job.state == transitions.RUNNING:
            queue = await self.look(job.kind)
            elapsed = (transitions.utc_now() - job.started_at.ToDatetime(datetime.UTC)).total_seconds()
            job.eta_s = queue.eta_of_running(max(0.0, elapsed), job.fraction)
        return job

    async def _read(self, kind: str) -> QueueState:
        consumer = await self._store.streams.consumer(QUEUE, kind)
        delivered = consumer.delivered.stream_seq if consumer is not None and consumer.delivered is not None else 0
        waiting: list[int] = []
        while len(waiting) < self._settings.max_queued:
            after = waiting[-1] if waiting else delivered
            messages = await self._store.streams.following(QUEUE, queue_subject(kind), after)
            waiting.extend(message.sequence for message in messages)
            if not messages or messages[-1].remaining == 0:
                break
        reports = [
            records_pb2.WorkerReport.FromString(entry.value)
            for entry in await self._store.workers.changes(0, matching=f"{kind}.*")
        ]
        measured = [report.service_time_s for report in reports if report.service_time_s > 0]
        return QueueState(
            waiting=tuple(waiting),
            running=consumer.num_ack_pending or 0 if consumer is not None else 0,
            slots=max(1, sum(report.slots for report in reports)),
            service_time_s=sum(measured) / len(measured) if measured else self._settings.service_time_s,
        )
