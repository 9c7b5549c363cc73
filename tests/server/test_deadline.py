from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.errors import DeadlineExceeded, InvalidArgument
from luce.server.deadline import Deadline


async def test_work_past_the_deadline_is_cancelled_and_told_as_such() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        async with Deadline.after(0.02).enforce("painting"):
            try:
                await asyncio.sleep(10)
            finally:
                ended.set()

    with pytest.raises(DeadlineExceeded, match="painting"):
        await work()
    assert ended.is_set()


async def test_a_timeout_of_the_work_itself_is_not_mistaken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        async with Deadline.after(10).enforce():
            raise TimeoutError


async def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    async def work() -> None:
        async with Deadline.after(10).enforce():
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_current_deadline_is_the_innermost_and_ends_with_its_block() -> None:
    assert Deadline.current() is None
    with Deadline.after(10).apply() as outer:
        assert Deadline.current() == outer
        with Deadline.after(5).apply() as inner:
            assert Deadline.current() == inner
        assert Deadline.current() == outer
        assert Deadline.current_or_after(1) < outer
        assert Deadline.current_or_after(100) == outer
    assert Deadline.current() is None


async def test_never_lasts_for_ever() -> None:
    assert Deadline.NEVER.remaining() == math.inf
    assert not Deadline.NEVER.expired
    async with Deadline.NEVER.enforce():
        await asyncio.sleep(0)


def test_an_expired_deadline_is_refused() -> None:
    past = Deadline.after(-1)
    assert past.expired
    assert past.remaining() == 0
    with pytest.raises(DeadlineExceeded):
        past.check()


@given(st.floats(min_value=0.01, max_value=3600))
def test_the_wire_carries_what_is_left(seconds: float) -> None:
    deadline = Deadline.after(seconds)
    carried = Deadline.from_ms(deadline.to_ms())
    assert seconds - 0.5 <= carried.remaining() <= seconds


@pytest.mark.parametrize("value", ["", "-1", "1.5", "soon", "٣"])
def test_a_header_in_milliseconds_must_be_a_number(value: str) -> None:
    with pytest.raises(InvalidArgument):
        Deadline.from_ms(value)


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "inf", "soon", "86401"])
def test_a_header_in_seconds_must_be_in_its_range(value: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        Deadline.from_seconds(value)
    assert refusal.value.limit == "0..86400"
