"""Not losing a cancellation in a library that stands on `asyncio.wait_for`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def cancellable(awaitable: Awaitable[T]) -> T:
    """Await, and raise `asyncio.CancelledError` where this task was cancelled meanwhile but went on.

    `asyncio.wait_for` of Python 3.11 swallows a cancellation that comes in the moment in which the answer does
    (python/cpython#86296), and nats-py waits for every answer that way. A task that loops over requests would
    not end.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    result = await awaitable
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return result
