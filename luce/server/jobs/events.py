"""Following a job: what has happened, then what happens, until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from luce.server.jobs import record as transitions
from luce.server.jobs.store import EVENTS, JobStore, event_subject
from luce.v1 import jobs_pb2

# How often a follower looks at the record, should the event that tells of its end be lost.
POLL_S: Final = 2.0
# Between the end of a job and the event that tells it.
_GRACE_S: Final = 1.0
_BATCH: Final = 64


async def follow(store: JobStore, job_id: str, owner: str, after_sequence: int) -> AsyncIterator[jobs_pb2.JobEvent]:
    """Replay the events after a sequence and go on until the terminal one. `Jobs.watch` tells the rest.

    Events are read from the stream one batch at a time; the live messages only wake the reader. So there is no consumer
    on the server to leak or to rebuild after a restart, and a slow reader holds nothing in memory.
    """
    await store.find(owner, job_id)
    last = after_sequence
    async with wake_up(store, job_id) as awake:
        ended = False
        while True:
            awake.clear()
            for stored in await store.streams.following(EVENTS, event_subject(job_id), last, _BATCH):
                event = jobs_pb2.JobEvent.FromString(stored.data)
                event.sequence = last = stored.sequence
                yield event
                if _tells_the_end(event):
                    return
            held = await store.find(owner, job_id)
            if transitions.is_final(held.job):
                tail = await _tail(store, job_id)
                if tail is not None and _tells_the_end(tail):
                    if tail.sequence <= last:
                        return
                    continue
                if ended:
                    yield jobs_pb2.JobEvent(
                        sequence=max(last, 1), job_id=job_id, at=held.job.finished_at, state=held.job
                    )
                    return
                ended = True
            await _wait(awake, _GRACE_S if ended else POLL_S)


async def until_final(store: JobStore, job_id: str, owner: str, timeout_s: float) -> None:
    """Return when the job has ended, or after `timeout_s` seconds. Raises `NotFound`, `Unavailable`."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + timeout_s
    async with wake_up(store, job_id, _carries_the_end) as awake:
        while not transitions.is_final((await store.find(owner, job_id)).job):
            left = limit - loop.time()
            if left <= 0:
                return
            await _wait(awake, min(POLL_S, left))
            awake.clear()


@asynccontextmanager
async def wake_up(
    store: JobStore, job_id: str, wanted: Callable[[bytes], bool] = lambda _data: True
) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever something new is told of a job."""
    awake = asyncio.Event()

    async def on_message(message: Msg) -> None:
        if wanted(message.data):
            awake.set()

    async def on_reconnect() -> None:
        awake.set()

    subscription = await store.nc.subscribe(event_subject(job_id), cb=on_message)
    unregister = store.nc.on_reconnect(on_reconnect)
    try:
        yield awake
    finally:
        unregister()
        try:
            await subscription.unsubscribe()
        except nats.errors.Error:
            # The connection closed first, and the subscription with it.
            awake.set()


async def _tail(store: JobStore, job_id: str) -> jobs_pb2.JobEvent | None:
    stored = await store.streams.last(EVENTS, event_subject(job_id))
    if stored is None:
        return None
    event = jobs_pb2.JobEvent.FromString(stored.data)
    event.sequence = stored.sequence
    return event


async def _wait(awake: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await awake.wait()
    except TimeoutError:
        return


def _tells_the_end(event: jobs_pb2.JobEvent) -> bool:
    return event.HasField("state") and transitions.is_final(event.state)


def _carries_the_end(data: bytes) -> bool:
    return _tells_the_end(jobs_pb2.JobEvent.FromString(data))
