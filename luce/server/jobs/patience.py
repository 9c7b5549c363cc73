"""Waiting for a model server that is away, inside of a job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from luce.errors import Cancelled, ResourceExhausted, Unavailable
from luce.server.deadline import Deadline

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S: Final = 0.25

T = TypeVar("T")


class Patience(Protocol):
    """How a call is made: at once, or again and again."""

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer."""
        ...


async def at_once(call: Callable[[], Awaitable[T]]) -> T:
    """One try."""
    return await call()


def patience(*, deadline: Deadline, longest_pause_s: float, what: str) -> Patience:
    """`patiently` with its arguments, for many calls."""

    async def call_patiently(call: Callable[[], Awaitable[T]]) -> T:
        return await patiently(call, deadline=deadline, longest_pause_s=longest_pause_s, what=what)

    return call_patiently


async def patiently(call: Callable[[], Awaitable[T]], *, deadline: Deadline, longest_pause_s: float, what: str) -> T:
    """Repeat a call while it is refused as unavailable or busy, with growing pauses, until the deadline.

    A server that shuts down says "cancelled" to what it drops; a cancellation of our own is no error of ours but
    `asyncio.CancelledError`, and goes through. A job waits here rather than failing: an outage of a minute would
    otherwise use up its attempts in seconds.
    """
    pause = min(_FIRST_PAUSE_S, longest_pause_s)
    while True:
        try:
            return await call()
        except (Unavailable, ResourceExhausted, Cancelled) as error:
            wait = min(max(pause, error.retry_after or 0.0), longest_pause_s)
            if deadline.remaining() <= wait:
                raise
            _log.warning("%s: %s; trying again in %.2f s", what, error.message, wait)
        await asyncio.sleep(wait)
        pause = min(2.0 * pause, longest_pause_s)
