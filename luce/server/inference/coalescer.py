"""Calls that meet while others are under way leave together: no timer, so an idle call leaves at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from luce.errors import DeadlineExceeded, ResourceExhausted
from luce.server.deadline import Deadline
from luce.server.inference.faults import RETRY_AFTER_S

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Run = Callable[[Hashable, Sequence[Item], Deadline], Awaitable[Sequence[Answer]]]
"""Answers a batch of items of one key, in order, before the deadline."""


class _Waiting(Generic[Item, Answer]):
    __slots__ = ("answer", "deadline", "item")

    def __init__(self, item: Item, deadline: Deadline, answer: asyncio.Future[Answer]) -> None:
        self.item = item
        self.deadline = deadline
        self.answer = answer


class Coalescer(Generic[Item, Answer]):
    """Joins single items into batches of one key.

    While fewer than `in_flight` batches are under way, an item leaves at once; else it waits in a bounded line. When a
    batch returns, the key that waits longest leaves next, with up to `max_rows` of its items.

    Args:
        run: answers a batch.
        max_rows: most items in a batch.
        in_flight: most batches under way.
        max_waiting: most items that wait; more are refused.
    """

    def __init__(
        self, run: Run[Item, Answer], *, max_rows: int = 32, in_flight: int = 2, max_waiting: int = 1024
    ) -> None:
        self._run = run
        self._max_rows = max_rows
        self._in_flight = in_flight
        self._max_waiting = max_waiting
        # In the order in which keys began to wait.
        self._lines: dict[Hashable, deque[_Waiting[Item, Answer]]] = {}
        self._waiting = 0
        self._running: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Items that wait to leave."""
        return self._waiting

    async def submit(self, items: Sequence[tuple[Hashable, Item]], deadline: Deadline) -> list[Answer]:
        """Answers of the (key, item) pairs, in order.

        Raises:
            ResourceExhausted: too many wait.
            DeadlineExceeded: it took too long.
            Exception: whatever `run` raised for a batch with one of the items.
        """
        if self._waiting + len(items) > self._max_waiting:
            raise ResourceExhausted(
                f"{self._waiting} rows wait already, of at most {self._max_waiting}", retry_after=RETRY_AFTER_S
            )
        loop = asyncio.get_running_loop()
        mine = []
        for key, item in items:
            waiting = _Waiting(item, deadline, loop.create_future())
            self._lines.setdefault(key, deque()).append(waiting)
            mine.append(waiting.answer)
        self._waiting += len(items)
        self._leave()
        try:
            async with asyncio.timeout(deadline.remaining()):
                return [await answer for answer in mine]
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline of the call passed") from error
        finally:
            for answer in mine:
                _abandon(answer)

    def _leave(self) -> None:
        while self._lines and len(self._running) < self._in_flight:
            key = next(iter(self._lines))
            line = self._lines.pop(key)
            batch: list[_Waiting[Item, Answer]] = []
            while line and len(batch) < self._max_rows:
                waiting = line.popleft()
                self._waiting -= 1
                if not waiting.answer.done():
                    batch.append(waiting)
            if line:
                # To the end: other keys wait as well.
                self._lines[key] = line
            if batch:
                # In no caller's context: a batch must not inherit one caller's deadline or trace.
                task = asyncio.get_running_loop().create_task(self._answer(key, batch), context=Context())
                self._running.add(task)
                task.add_done_callback(self._returned)

    async def _answer(self, key: Hashable, batch: list[_Waiting[Item, Answer]]) -> None:
        latest = max(waiting.deadline for waiting in batch)
        try:
            answers = await self._run(key, [waiting.item for waiting in batch], latest)
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.answer.cancel()
            raise
        except Exception as error:
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)

    def _returned(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._leave()


def _abandon(answer: asyncio.Future[Answer]) -> None:
    """Nobody waits for it: take it out of the line, or take note of the error that it holds."""
    if not answer.done():
        answer.cancel()
    elif not answer.cancelled():
        answer.exception()
