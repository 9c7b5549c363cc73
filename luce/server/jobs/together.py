"""Tasks that belong together: where one fails the others are cancelled, and its error is raised as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from luce.errors import LuceError, RequestError

T = TypeVar("T")


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises one error instead of a group: a fault of the request if there is one."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise worst(failures) from None


async def all_of(work: Sequence[Awaitable[T]]) -> list[T]:
    """The results, in order; errors as of `together`."""

    async def run(one: Awaitable[T]) -> T:
        return await one

    async with together() as group:
        tasks = [group.create_task(run(one)) for one in work]
    return [task.result() for task in tasks]


def worst(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """A fault of the request if there is one, else the first of ours, else the first."""
    errors = failures.exceptions
    for kind in (RequestError, LuceError):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]
