"""Tasks that belong together: where one fails the others are cancelled, and its error is raised as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from luce.errors import LuceError, RequestError


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises one error instead of a group: a fault of the request if there is one."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise worst(failures) from None


def worst(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """A fault of the request if there is one, else the first of ours, else the first."""
    errors = failures.exceptions
    for kind in (RequestError, LuceError):
        for error in errors:
            if isinstance(error, kind):
                return error
    return errors[0]
