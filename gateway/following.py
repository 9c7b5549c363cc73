"""Following a job's events: with a sign of life while nothing happens, and with an end from outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from luce.errors import LuceError
from luce.v1 import jobs_pb2


async def follow(
    events: AsyncIterator[jobs_pb2.JobEvent], stop: asyncio.Event, idle_s: float | None = None
) -> AsyncGenerator[jobs_pb2.JobEvent | None]:
    """Each event, and None after every `idle_s` seconds without one; ends with the events, or when `stop` is set.

    Nothing is held back here: the next event is asked for when the last one was taken.
    """
    stopped = asyncio.ensure_future(stop.wait())
    upcoming: asyncio.Future[jobs_pb2.JobEvent] | None = None
    try:
        while not stop.is_set():
            if upcoming is None:
                upcoming = asyncio.ensure_future(anext(events))
            await asyncio.wait((upcoming, stopped), timeout=idle_s, return_when=asyncio.FIRST_COMPLETED)
            if upcoming.done():
                try:
                    event = upcoming.result()
                except StopAsyncIteration:
                    return
                upcoming = None
                yield event
            elif not stop.is_set():
                yield None
    finally:
        stopped.cancel()
        if upcoming is not None:
            upcoming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, LuceError):
                await upcoming
        if isinstance(events, AsyncGenerator):
            await events.aclose()
