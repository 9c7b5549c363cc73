"""The engine without a server: who steps, who leaves, and that company changes nothing."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.diffusion.engine import Engine
from backends.diffusion.errors import RequestFailed
from backends.diffusion.events import Event, Failed, Finished, Progress
from backends.diffusion.request import GenerationRequest
from tests.backends.diffusion.conftest import MakeEngine

REQUEST = GenerationRequest(
    seed=1, steps=4, guidance_scale=3.0, scheduler="flow_match_euler", prompt="red sea", width=32, height=32
)


def drain(engine: Engine) -> dict[Hashable, list[Event]]:
    told: dict[Hashable, list[Event]] = {}
    while len(engine):
        for key, events in engine.step().items():
            told.setdefault(key, []).extend(events)
    return told


def image(events: list[Event]) -> bytes:
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.image is not None
    return last.image.tobytes()


def alone(engine: Engine, request: GenerationRequest) -> bytes:
    engine.submit("alone", request)
    return image(drain(engine)["alone"])


requests = st.builds(
    GenerationRequest,
    seed=st.integers(0, 2**64 - 1),
    steps=st.integers(1, 6),
    guidance_scale=st.sampled_from([0.0, 1.0, 3.0, 7.5]),
    scheduler=st.just("flow_match_euler"),
    prompt=st.sampled_from(["red sea", "blue sky at night", ""]),
    negative_prompt=st.sampled_from([None, "", "storm"]),
    width=st.sampled_from([16, 32]),
    height=st.sampled_from([16, 32]),
    adapter=st.sampled_from(["", "bold"]),
    preview_every=st.integers(0, 3),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=st.lists(st.tuples(st.integers(0, 8), requests), min_size=1, max_size=12))
def test_any_pattern_of_arrivals_gives_the_bytes_of_each_request_alone(
    make_engine: MakeEngine, arrivals: list[tuple[int, GenerationRequest]]
) -> None:
    engine, _ = make_engine()
    told: dict[Hashable, list[Event]] = {}
    for tick in range(9):
        for index, (when, request) in enumerate(arrivals):
            if when == tick:
                engine.submit(index, request)
        for key, events in engine.step().items():
            told.setdefault(key, []).extend(events)
    told_later = drain(engine)
    for index, (_, request) in enumerate(arrivals):
        events = told.get(index, []) + told_later.get(index, [])
        assert [type(event) for event in events] == [Progress] * (request.steps - 1) + [Finished]
        assert image(events) == alone(engine, request)


def test_a_newcomer_joins_at_the_next_step_and_leaves_when_it_is_done(make_engine: MakeEngine) -> None:
    engine, _ = make_engine()
    engine.submit("long", replace(REQUEST, steps=10))
    engine.step()
    engine.submit("short", replace(REQUEST, steps=2))
    assert set(engine.step()) == {"long", "short"}
    assert isinstance(engine.step()["short"][-1], Finished)
    assert set(engine.step()) == {"long"}


def test_run_to_completion_answers_when_the_last_of_the_batch_is_done(make_engine: MakeEngine) -> None:
    engine, _ = make_engine(scheduling="run_to_completion")
    expected = alone(engine, replace(REQUEST, steps=2))
    engine.submit("short", replace(REQUEST, steps=2))
    engine.submit("long", replace(REQUEST, steps=4))
    assert set(engine.step()) == {"short", "long"}
    assert set(engine.step()) == {"long"}
    assert "short" in engine
    engine.step()
    told = engine.step()
    assert image(told["short"]) == expected
    assert isinstance(told["long"][-1], Finished)
    assert len(engine) == 0


def test_without_joining_a_newcomer_waits_for_the_batch(make_engine: MakeEngine) -> None:
    engine, _ = make_engine(scheduling="no_join")
    engine.submit("long", replace(REQUEST, steps=5))
    engine.step()
    engine.submit("short", replace(REQUEST, steps=1))
    for _ in range(4):
        assert set(engine.step()) == {"long"}
    assert set(engine.step()) == {"short"}


def test_a_cancelled_request_frees_its_place_at_the_next_step(make_engine: MakeEngine) -> None:
    engine, _ = make_engine(running=1, waiting=1)
    engine.submit("first", replace(REQUEST, steps=50))
    engine.submit("second", replace(REQUEST, steps=60))
    assert set(engine.step()) == {"first"}
    engine.cancel("first")
    assert set(engine.step()) == {"second"}


def test_a_short_newcomer_goes_before_a_long_request(make_engine: MakeEngine) -> None:
    engine, _ = make_engine(running=1)
    engine.submit("long", replace(REQUEST, steps=20))
    engine.step()
    engine.submit("short", replace(REQUEST, steps=2))
    assert [set(engine.step()) for _ in range(3)] == [{"short"}, {"short"}, {"long"}]


def test_a_long_request_is_not_starved_by_short_ones(make_engine: MakeEngine) -> None:
    """One place, and always a short newcomer: the long one still ends."""
    engine, _ = make_engine(running=1)
    engine.submit("long", replace(REQUEST, steps=10))
    steps = 0
    while "long" in engine:
        if not any(key in engine for key in range(steps)):
            engine.submit(steps, replace(REQUEST, steps=2))
        engine.step()
        steps += 1
        assert steps < 60
    assert steps > 10


def test_more_than_the_limits_is_refused(make_engine: MakeEngine) -> None:
    engine, _ = make_engine(running=1, waiting=1)
    engine.submit(1, REQUEST)
    engine.submit(2, REQUEST)
    with pytest.raises(RequestFailed) as caught:
        engine.submit(3, REQUEST)
    assert caught.value.code == "RESOURCE_EXHAUSTED"


def test_a_passed_deadline_ends_the_request_at_the_next_step(make_engine: MakeEngine) -> None:
    engine, _ = make_engine()
    now = [0]
    engine._clock = lambda: now[0]
    engine.submit("hasty", replace(REQUEST, steps=100, timeout_us=1000))
    engine.submit("patient", replace(REQUEST, steps=3))
    engine.step()
    now[0] += 2_000_000
    events = engine.step()
    assert events["hasty"] == [Failed("DEADLINE_EXCEEDED", "the deadline passed")]
    assert isinstance(events["patient"][-1], Progress)


def test_what_fails_fails_alone(make_engine: MakeEngine) -> None:
    engine, _ = make_engine()
    whole = engine._denoisers[""]

    def broken(arrays):  # type: ignore[no-untyped-def]
        if (arrays["sample"] > 1e5).any():
            raise RuntimeError("broken kernel")
        return whole(arrays)

    engine._denoisers = {**engine._denoisers, "": broken}
    expected = alone(engine, REQUEST)
    engine.submit("good", REQUEST)
    engine.submit("bad", replace(REQUEST, seed=2))
    engine.step()
    engine._requests["bad"].sample = np.full_like(engine._requests["bad"].sample, 1e6)
    told = drain(engine)
    assert isinstance(told["bad"][-1], Failed)
    assert told["bad"][-1].code == "INTERNAL"
    assert image(told["good"]) == expected


def test_a_sample_that_is_not_finite_is_an_internal_error(make_engine: MakeEngine) -> None:
    engine, _ = make_engine()
    engine.submit("bad", replace(REQUEST, steps=2))
    engine.step()
    engine._requests["bad"].sample[:] = np.nan
    last = drain(engine)["bad"][-1]
    assert isinstance(last, Failed)
    assert "not finite" in last.message


def test_guidance_of_one_needs_one_row_and_others_two(make_engine: MakeEngine) -> None:
    engine, _ = make_engine()
    before = engine.rows_run
    alone(engine, replace(REQUEST, guidance_scale=1.0))
    assert engine.rows_run - before == 4
    alone(engine, replace(REQUEST, guidance_scale=2.0))
    assert engine.rows_run - before == 4 + 8


def test_a_prompt_is_encoded_once(make_engine: MakeEngine) -> None:
    engine, _ = make_engine()
    alone(engine, REQUEST)
    before = engine._conditioner.encoded
    alone(engine, replace(REQUEST, seed=5))
    assert engine._conditioner.encoded == before
