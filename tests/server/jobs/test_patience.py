from __future__ import annotations

import pytest

from luce.errors import InvalidArgument, ResourceExhausted, Unavailable
from luce.server.deadline import Deadline
from luce.server.jobs.patience import patiently


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    async def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return self.calls


@pytest.mark.parametrize("error", [Unavailable("away"), ResourceExhausted("full", retry_after=9.0)])
async def test_an_outage_is_waited_out(error: Exception) -> None:
    call = Flaky(5, error)
    assert await patiently(call, deadline=Deadline.after(60), longest_pause_s=0.001, what="test") == 6


async def test_patience_ends_with_the_deadline() -> None:
    call = Flaky(1000, Unavailable("away"))
    with pytest.raises(Unavailable):
        await patiently(call, deadline=Deadline.after(0.05), longest_pause_s=0.01, what="test")
    assert call.calls > 1


async def test_a_fault_of_the_request_is_not_tried_again() -> None:
    call = Flaky(1, InvalidArgument("no"))
    with pytest.raises(InvalidArgument):
        await patiently(call, deadline=Deadline.after(60), longest_pause_s=0.001, what="test")
    assert call.calls == 1
