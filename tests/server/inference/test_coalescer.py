"""The coalescer: who leaves with whom, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence

import pytest

from luce.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from luce.server.deadline import Deadline
from luce.server.inference import Coalescer

SOON = 5.0


class Recorder:
    """A model that answers twice the number, and only when it is let go."""

    def __init__(self) -> None:
        self.batches: list[tuple[Hashable, list[int]]] = []
        self.go = asyncio.Event()

    async def run(self, key: Hashable, items: Sequence[int], deadline: Deadline) -> list[int]:
        self.batches.append((key, list(items)))
        await self.go.wait()
        if -1 in items:
            raise Unavailable("the model is away")
        return [2 * item for item in items]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_idle_call_leaves_at_once_and_later_ones_leave_together() -> None:
    model = Recorder()
    coalescer = Coalescer(model.run, max_rows=4, in_flight=2)
    calls = []
    for item in range(8):
        calls.append(asyncio.create_task(coalescer.submit([("k", item)], Deadline.after(SOON))))
        await settle()
    assert model.batches == [("k", [0]), ("k", [1])]
    assert coalescer.waiting == 6
    model.go.set()
    assert await asyncio.gather(*calls) == [[2 * item] for item in range(8)]
    assert model.batches[2:] == [("k", [2, 3, 4, 5]), ("k", [6, 7])]


async def test_keys_do_not_mix_and_take_turns() -> None:
    model = Recorder()
    coalescer = Coalescer(model.run, max_rows=2, in_flight=1)
    first = asyncio.create_task(coalescer.submit([("a", 0)], Deadline.after(SOON)))
    await settle()
    items = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5)]
    rest = asyncio.create_task(coalescer.submit(items, Deadline.after(SOON)))
    await settle()
    model.go.set()
    assert await rest == [2, 4, 6, 8, 10]
    await first
    assert model.batches == [("a", [0]), ("a", [1, 3]), ("b", [2, 5]), ("a", [4])]


async def test_too_many_waiting_are_refused_with_a_hint() -> None:
    model = Recorder()
    coalescer = Coalescer(model.run, in_flight=1, max_waiting=2)
    first = asyncio.create_task(coalescer.submit([("k", 0)], Deadline.after(SOON)))
    await settle()
    second = asyncio.create_task(coalescer.submit([("k", 1), ("k", 2)], Deadline.after(SOON)))
    await settle()
    with pytest.raises(ResourceExhausted) as caught:
        await coalescer.submit([("k", 3)], Deadline.after(SOON))
    assert caught.value.retry_after
    model.go.set()
    assert (await first, await second) == ([0], [2, 4])


async def test_a_cancelled_call_does_not_leave() -> None:
    model = Recorder()
    coalescer = Coalescer(model.run, in_flight=1)
    first = asyncio.create_task(coalescer.submit([("k", 0)], Deadline.after(SOON)))
    await settle()
    gone = asyncio.create_task(coalescer.submit([("k", 1)], Deadline.after(SOON)))
    await settle()
    gone.cancel()
    await settle()
    last = asyncio.create_task(coalescer.submit([("k", 2)], Deadline.after(SOON)))
    await settle()
    model.go.set()
    assert (await first, await last) == ([0], [4])
    assert model.batches == [("k", [0]), ("k", [2])]
    assert gone.cancelled()


async def test_a_failed_batch_fails_its_members_alone() -> None:
    model = Recorder()
    model.go.set()
    coalescer = Coalescer(model.run, in_flight=1)
    with pytest.raises(Unavailable):
        await coalescer.submit([("k", -1)], Deadline.after(SOON))
    assert await coalescer.submit([("k", 4)], Deadline.after(SOON)) == [8]


async def test_the_deadline_of_a_call_holds_while_it_waits() -> None:
    model = Recorder()
    coalescer = Coalescer(model.run, in_flight=1)
    first = asyncio.create_task(coalescer.submit([("k", 0)], Deadline.after(SOON)))
    await settle()
    with pytest.raises(DeadlineExceeded):
        await coalescer.submit([("k", 1)], Deadline.after(0.02))
    model.go.set()
    assert await first == [0]
