"""Rounds of the server against the engine: fragments of a batch, lost requests, refusals."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.diffusion.batcher import Batcher
from backends.diffusion.events import Event, Failed, Finished
from tests.backends.diffusion.conftest import MakeEngine


def tensors(**values: Any) -> dict[str, Any]:
    given_values = {"prompt": b"red", "seed": 1, **values}
    return {name: np.array([[value]], dtype=object) for name, value in given_values.items()}


class Queue:
    """Triton as the batcher sees it: first in, first out, and batches that hold any number of requests."""

    def __init__(self, batcher: Batcher, seed: int) -> None:
        self.batcher = batcher
        self.waiting: list[tuple[str, dict[str, Any] | None]] = []
        self.told: dict[str, list[Event]] = {}
        self.steps = 0
        self.random = random.Random(seed)

    def put(self, key: str, **values: Any) -> None:
        self.waiting.append((key, tensors(**values)))

    def drop(self, key: str) -> None:
        self.waiting = [entry for entry in self.waiting if entry[0] != key]

    def round(self) -> None:
        count = self.random.randint(1, len(self.waiting))
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        for key, values in batch:
            if values is None:
                self.batcher.come_back(key)
            else:
                self.batcher.start(key, values, 0)
        self.steps += self.batcher.round()
        for key, _ in batch:
            events = self.batcher.collect(key)
            self.told.setdefault(key, []).extend(events)
            if not events or not isinstance(events[-1], Finished | Failed):
                self.waiting.append((key, None))

    def run(self) -> None:
        for _ in range(2000):
            if not self.waiting:
                return
            self.round()
        raise AssertionError("the requests do not come to an end")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), steps=st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_fragments_of_batches_cost_no_steps(make_engine: MakeEngine, seed: int, steps: list[int]) -> None:
    """All come first; then as many steps run as the longest needs, however the server cuts its batches."""
    queue = Queue(Batcher(*make_engine()), seed)
    for index, count in enumerate(steps):
        queue.put(str(index), steps=count, seed=index)
    for key, values in queue.waiting:
        assert values is not None
        queue.batcher.start(key, values, 0)
    queue.waiting = [(key, None) for key, _ in queue.waiting]
    queue.run()
    assert queue.steps == max(steps)
    assert all(isinstance(events[-1], Finished) for events in queue.told.values())


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), rounds=st.integers(1, 30), lost=st.sets(st.integers(0, 5), min_size=1, max_size=5))
def test_requests_that_vanish_hold_up_nobody_for_long(
    make_engine: MakeEngine, seed: int, rounds: int, lost: set[int]
) -> None:
    engine, pipeline = make_engine()
    queue = Queue(Batcher(engine, pipeline), seed)
    for index in range(6):
        queue.put(str(index), steps=20, seed=index)
    for _ in range(rounds):
        queue.round()
    for index in lost:
        queue.drop(str(index))
    queue.run()
    assert all(isinstance(queue.told[str(i)][-1], Finished) for i in set(range(6)) - lost)
    assert len(engine) <= len(lost)


def test_places_of_the_lost_are_given_to_newcomers(make_engine: MakeEngine) -> None:
    """Everybody in flight vanishes: the next one must not be refused for ever."""
    queue = Queue(Batcher(*make_engine(running=2, waiting=0)), 0)
    queue.put("a", steps=50)
    queue.put("b", steps=50)
    for _ in range(6):
        queue.round()
    queue.waiting = []
    queue.put("c", steps=2)
    queue.run()
    assert isinstance(queue.told["c"][-1], Finished)


def test_a_newcomer_is_refused_when_all_places_are_taken_by_the_living(make_engine: MakeEngine) -> None:
    queue = Queue(Batcher(*make_engine(running=2, waiting=0)), 0)
    for key in "abc":
        queue.put(key, steps=30)
    queue.run()
    refused = queue.told["c"][-1]
    assert isinstance(refused, Failed)
    assert refused.code == "RESOURCE_EXHAUSTED"
    assert isinstance(queue.told["a"][-1], Finished)


def test_a_cancelled_request_is_told_so_and_steps_no_more(make_engine: MakeEngine) -> None:
    engine, pipeline = make_engine()
    batcher = Batcher(engine, pipeline)
    batcher.start("a", tensors(steps=50), 0)
    assert batcher.round()
    rows = engine.rows_run
    batcher.cancel("a")
    assert not batcher.round()
    assert engine.rows_run == rows
    assert batcher.collect("a")[-1] == Failed("CANCELLED", "cancelled by the client")
    assert len(engine) == 0


def test_an_unknown_request_that_comes_back_is_ended(make_engine: MakeEngine) -> None:
    batcher = Batcher(*make_engine())
    batcher.come_back("ghost")
    assert isinstance(batcher.collect("ghost")[-1], Failed)
