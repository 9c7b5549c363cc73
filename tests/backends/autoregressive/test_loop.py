"""The threads between the server and the engine: refusals, leavers, failures, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from backends.autoregressive.events import Event, Failed, Finished, Partial
from backends.autoregressive.loop import UNLOADED, Loop
from tests.backends.autoregressive.conftest import MakeEngine, alone, same, words


class Box:
    """A mailbox that keeps what it gets; `slow` holds the postman back until it is set."""

    def __init__(self, slow: threading.Event | None = None) -> None:
        self.events: list[Event] = []
        self.over = threading.Event()
        self.begun = threading.Event()
        self.gone = False
        self._slow = slow

    def send(self, event: Event) -> None:
        if self._slow is not None:
            self.begun.set()
            assert self._slow.wait(20)
        assert not self.over.is_set()
        self.events.append(event)
        self.begun.set()
        if isinstance(event, Finished | Failed):
            self.over.set()

    def cancelled(self) -> bool:
        return self.gone

    def last(self) -> Event:
        assert self.over.wait(20)
        return self.events[-1]


StartLoop = Callable[..., Loop]


@pytest.fixture
def start(make_engine: MakeEngine) -> Iterator[StartLoop]:
    loops: list[Loop] = []

    def begin(most: int = 8) -> Loop:
        loops.append(Loop(make_engine(positions=2048), most))
        return loops[-1]

    yield begin
    for loop in loops:
        loop.stop()


ENDLESS = words(max_tokens=2000, min_tokens=2000, preview_every=1)


def test_results_are_those_of_the_engine_alone(start: StartLoop, make_engine: MakeEngine) -> None:
    loop, boxes = start(), [Box() for _ in range(8)]
    for seed, box in enumerate(boxes):
        loop.submit(words(seed=seed, max_tokens=20), box)
    engine = make_engine(positions=2048)
    for seed, box in enumerate(boxes):
        last = box.last()
        assert isinstance(last, Finished)
        assert same(last, alone(engine, words(seed=seed, max_tokens=20)))


def test_partial_answers_that_wait_become_one_and_lose_nothing(start: StartLoop) -> None:
    slow = threading.Event()
    loop, held, other = start(), Box(slow), Box()
    loop.submit(ENDLESS, held)
    assert held.begun.wait(20)
    slow.set()
    loop.submit(ENDLESS, other)
    last = held.last()
    assert isinstance(last, Finished)
    told = [event.tokens for event in held.events if isinstance(event, Partial)]
    assert np.concatenate(told).tolist() == last.tokens[: sum(map(len, told))].tolist()
    other.last()


def test_partial_answers_wait_one_at_a_time(start: StartLoop) -> None:
    slow = threading.Event()
    loop, held = start(), Box(slow)
    loop.submit(ENDLESS, held)
    assert held.begun.wait(20)
    while not (loop._outgoing and isinstance(next(iter(loop._outgoing.values()))[-1], Finished)):
        time.sleep(0.005)
    assert [len(events) for events in loop._outgoing.values()] == [2]
    slow.set()
    held.last()
    assert len(held.events) == 3


def test_a_client_that_leaves_frees_its_place(start: StartLoop) -> None:
    loop, box, next_one = start(most=1), Box(), Box()
    loop.submit(ENDLESS, box)
    box.gone = True
    assert box.last() == Failed("CANCELLED", "cancelled by the client")
    loop.submit(words(), next_one)
    assert isinstance(next_one.last(), Finished)


def test_of_many_in_flight_all_who_leave_are_noticed(start: StartLoop) -> None:
    loop, boxes = start(), [Box() for _ in range(8)]
    for box in boxes:
        loop.submit(ENDLESS, box)
    for box in boxes:
        box.gone = True
    assert [box.last() for box in boxes] == [Failed("CANCELLED", "cancelled by the client")] * 8


def test_a_round_asks_few_and_those_first_that_have_waited_longest(start: StartLoop) -> None:
    loop, asked = start(), list[int]()

    class Asked(Box):
        def __init__(self, number: int) -> None:
            super().__init__()
            self._number = number

        def cancelled(self) -> bool:
            asked.append(self._number)
            return False

    loop.stop()
    loop._mailboxes = {number: Asked(number) for number in range(5)}
    for _ in range(4):
        loop._look_who_left(2)
    assert asked == [0, 1, 2, 3, 4, 0, 1, 2]
    loop._look_who_left()
    assert sorted(asked[8:]) == [0, 1, 2, 3, 4]
    loop._mailboxes.clear()


def test_more_than_the_most_is_refused_at_once(start: StartLoop) -> None:
    slow = threading.Event()
    loop, held, refused = start(most=1), Box(slow), Box()
    loop.submit(ENDLESS, held)
    loop.submit(words(), refused)
    last = refused.last()
    assert isinstance(last, Failed)
    assert last.code == "RESOURCE_EXHAUSTED"
    slow.set()
    held.last()


def test_stopping_tells_those_in_flight_and_those_who_come(start: StartLoop) -> None:
    loop, boxes, late = start(most=20), [Box() for _ in range(12)], Box()
    for box in boxes:
        loop.submit(ENDLESS, box)
    loop.stop()
    loop.submit(words(), late)
    assert late.last() == UNLOADED
    for box in boxes:
        assert isinstance(box.last(), Finished | Failed)
    assert boxes[-1].last() == UNLOADED


def test_an_engine_that_fails_fails_who_is_in_flight_and_goes_on(
    start: StartLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, box, next_one = start(), Box(), Box()
    whole = loop._engine.step
    monkeypatch.setattr(loop._engine, "step", lambda: 1 / 0)
    loop.submit(words(), box)
    last = box.last()
    assert isinstance(last, Failed)
    assert last.code == "INTERNAL"
    monkeypatch.setattr(loop._engine, "step", whole)
    loop.submit(words(), next_one)
    assert isinstance(next_one.last(), Finished)
