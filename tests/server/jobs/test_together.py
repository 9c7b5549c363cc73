from __future__ import annotations

import asyncio

import pytest

from luce.errors import InvalidArgument, Unavailable
from luce.server.jobs.together import all_of


async def give(value: int, after_s: float = 0.0) -> int:
    await asyncio.sleep(after_s)
    return value


async def fail(error: Exception, after_s: float = 0.0) -> int:
    await asyncio.sleep(after_s)
    raise error


async def test_results_come_in_the_order_of_the_work() -> None:
    assert await all_of([give(1, 0.02), give(2), give(3, 0.01)]) == [1, 2, 3]
    assert await all_of([]) == []


async def test_a_fault_of_the_request_is_told_before_one_of_ours() -> None:
    async def stubborn() -> int:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise InvalidArgument("steps is 0", field="steps") from None
        return 0

    with pytest.raises(InvalidArgument):
        await all_of([fail(Unavailable("away")), stubborn()])


async def test_where_one_fails_the_others_are_cancelled() -> None:
    ended = asyncio.Event()

    async def long() -> int:
        try:
            await asyncio.sleep(10)
        finally:
            ended.set()
        return 0

    with pytest.raises(Unavailable, match="away"):
        await all_of([long(), fail(Unavailable("away"), 0.01)])
    assert ended.is_set()
