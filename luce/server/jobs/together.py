"""Work side by side inside of a job: where one fails the others are cancelled, and its error is raised as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from luce.errors import LuceError, RequestError

T = TypeVar("T")


async def all_of(work: Sequence[Awaitable[T]]) -> list[T]:
    """The results, in order. Of several errors a fault of the request is raised if there is one, else the first."""

    async def run(one: Awaitable[T]) -> T:
        return await one

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(one)) for one in work]
    except BaseExceptionGroup as failures:
        raise _worst(failures) from None
    return [task.result() for task in tasks]


def _worst(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    errors = failures.exceptions
    for kind in (RequestError, LuceError):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]
