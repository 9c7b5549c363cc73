"""Putting right what a crash or a lost message has left behind."""

from __future__ import annotations

import asyncio
import datetime
import logging
from typing import Final

from luce.errors import DeadlineExceeded, LuceError, NotFound
from luce.server.bus.streams import StreamFull
from luce.server.errors import to_problem
from luce.server.jobs import record as transitions
from luce.server.jobs.store import QUEUE, Held, JobStore
from luce.server.metrics import Metrics
from luce.server.settings import JobSettings

log = logging.getLogger(__name__)

# Between a deadline and the janitor: the worker that runs the job comes first.
_GRACE_S: Final = 5.0


class Janitor:
    """Publishes again what lost its message, and fails what passed its deadline while nobody ran it.

    It reads only records that changed since its last round and keeps the unfinished ones in mind. Several may run at
    once: they publish with the same message id, and every change is a compare-and-set.

    Args:
        store: of the jobs.
        settings: its interval.
        metrics: where to count.
    """

    def __init__(self, store: JobStore, settings: JobSettings, metrics: Metrics) -> None:
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._seen = 0
        self._open: dict[str, Held] = {}

    async def run(self) -> None:
        """Look round after round, for ever."""
        while True:
            try:
                await self.look()
            except LuceError as error:
                log.warning("the janitor comes back later: %s", error)
            await asyncio.sleep(self._settings.janitor_interval_s)

    async def look(self) -> None:
        """One round. Raises `Unavailable`."""
        await self._catch_up()
        now = transitions.utc_now()
        for held in list(self._open.values()):
            try:
                if self._is_late(held, now):
                    await self._expire(held, now)
                elif held.job.state == transitions.QUEUED and await self._lost_its_message(held):
                    await self._publish_again(held)
            except (transitions.Ended, transitions.Superseded, NotFound):
                # It went on between the look and the change.
                self._open.pop(held.key, None)

    async def _catch_up(self) -> None:
        while changes := await self._store.records.changes(self._seen):
            self._seen = changes[-1].revision
            for entry in changes:
                held = Held.of(entry)
                if transitions.is_final(held.job):
                    self._open.pop(held.key, None)
                else:
                    self._open[held.key] = held

    def _is_late(self, held: Held, now: datetime.datetime) -> bool:
        grace = _GRACE_S + self._settings.ack_wait_s if held.job.state == transitions.RUNNING else _GRACE_S
        deadline = held.record.queued.deadline.ToDatetime(datetime.UTC)
        return now > deadline + datetime.timedelta(seconds=grace)

    async def _expire(self, held: Held, now: datetime.datetime) -> None:
        problem = to_problem(DeadlineExceeded("the deadline passed before a worker finished the job"))
        changed = await self._store.change(held, lambda record: transitions.failed(record, None, problem, now=now))
        await self._store.streams.delete(QUEUE, held.record.queue_sequence)
        await self._store.tell_state(changed)
        self._open.pop(held.key, None)
        self._metrics.jobs_repaired.labels("expired").inc()
        self._metrics.jobs_finished.labels(held.job.kind, "failed", problem.code).inc()

    async def _lost_its_message(self, held: Held) -> bool:
        stored = await self._store.streams.at(QUEUE, held.record.queue_sequence)
        return stored is None

    async def _publish_again(self, held: Held) -> None:
        # The record first: a worker may have taken and finished the job since we read it.
        held = await self._store.find(held.job.owner, held.job.id)
        if held.job.state != transitions.QUEUED or not await self._lost_its_message(held):
            return
        try:
            sequence = await self._store.enqueue(
                held.job.kind,
                held.record.queued,
                held.job.owner,
                dict(held.record.trace),
                instead_of=held.record.queue_sequence,
            )
        except StreamFull:
            log.warning("job %s has no message, and the queue is full", held.job.id)
            return
        await self._store.change(held, lambda record: transitions.republished(record, sequence))
        log.warning("job %s had lost its message; published again", held.job.id)
        self._metrics.jobs_repaired.labels("republished").inc()
