"""The engine without a server: that company changes nothing, who steps, who leaves, and that slots keep secrets."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backends.autoregressive.engine import Engine
from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.events import Event, Failed, Finished, FloatArray, Partial
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.slots import POSITION, TOKENS
from tests.backends.autoregressive.conftest import MakeEngine, alone, drain, notes, result, same, words
from tests.fixtures.tiny_language import Decoder, cache

prefixes = st.lists(st.integers(0, 11), max_size=12).map(lambda ids: np.array(ids, np.int64).reshape(-1, 1))
texts = st.builds(
    words,
    seed=st.integers(0, 2**64 - 1),
    max_tokens=st.integers(1, 30),
    min_tokens=st.integers(0, 1),
    prefix=prefixes,
    prompt=st.sampled_from(["red sea", "blue sky at night", ""]),
    negative_prompt=st.sampled_from([None, "storm"]),
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
    top_k=st.sampled_from([0, 1, 4]),
    top_p=st.sampled_from([0.5, 1.0]),
    guidance_scale=st.sampled_from([0.0, 1.0, 3.0]),
    num_beams=st.sampled_from([1, 1, 3]),
    stop_sequences=st.sampled_from([(), ((11,),), ((10, 5), (3,))]),
    preview_every=st.integers(0, 3),
)
frames = st.lists(st.tuples(*[st.integers(0, 8)] * 4), max_size=6)
pieces = st.builds(
    notes,
    seed=st.integers(0, 2**64 - 1),
    max_tokens=st.integers(1, 25),
    prefix=frames.map(lambda rows: np.array(rows, np.int64).reshape(-1, 4)),
    guidance_scale=st.sampled_from([1.0, 3.0]),
    preview_every=st.integers(0, 3),
)


def poison(engine: Engine) -> None:
    """Fill every slot that nobody has with what would ruin any result it got into."""
    for shelf in engine._slots.shelves:
        for name, array in shelf.arrays.items():
            if name not in (TOKENS, POSITION):
                array[len(shelf.rows) :] = np.nan if array.dtype == np.float32 else 0


@pytest.mark.parametrize(("model", "requests"), [("writer", texts), ("player", pieces)])
@pytest.mark.parametrize("in_place", [False, True])
def test_any_pattern_of_arrivals_and_cancels_gives_each_result_of_a_request_alone(
    make_engine: MakeEngine, model: str, requests: st.SearchStrategy[DecodingRequest], in_place: bool
) -> None:
    """Freed slots are poisoned after every step, so nobody reads what was there before."""
    crowded, lonely = make_engine(model, in_place=in_place), make_engine(model, in_place=in_place)
    arrival = st.tuples(st.integers(0, 12), requests, st.one_of(st.none(), st.integers(1, 9)))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(arrivals=st.lists(arrival, min_size=1, max_size=12))
    def check(arrivals: list[tuple[int, DecodingRequest, int | None]]) -> None:
        told: dict[Hashable, list[Event]] = {}
        for tick in range(25):
            for index, (when, request, patience) in enumerate(arrivals):
                if when == tick:
                    crowded.submit(index, request)
                elif patience is not None and when + patience == tick:
                    crowded.cancel(index)
            for key, events in crowded.step().items():
                told.setdefault(key, []).extend(events)
            poison(crowded)
        for key, events in drain(crowded).items():
            told.setdefault(key, []).extend(events)
        for index, (_, request, patience) in enumerate(arrivals):
            events = told.get(index, [])
            if patience is None or (events and isinstance(events[-1], Finished)):
                assert same(result(events), alone(lonely, request))

    check()
    assert crowded._slots.free == lonely._slots.free == 8


def test_requests_at_different_positions_share_one_call(make_engine: MakeEngine) -> None:
    engine = make_engine(cache=cache(Decoder(), [64]))
    for index in range(6):
        engine.submit(index, words(seed=index, max_tokens=30, min_tokens=30))
        before = engine.calls_run
        engine.step()
        assert engine.calls_run - before == 1


def test_a_newcomer_joins_at_the_next_step_and_leaves_when_it_is_done(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.submit("long", words(max_tokens=20, min_tokens=20, preview_every=1))
    engine.step()
    engine.submit("short", words(max_tokens=2, min_tokens=2, preview_every=1))
    assert set(engine.step()) == {"long", "short"}
    assert isinstance(engine.step()["short"][-1], Finished)
    assert set(engine.step()) == {"long"}


def test_a_cancelled_request_frees_its_rows_at_the_next_step(make_engine: MakeEngine) -> None:
    engine = make_engine(rows=8)
    engine.submit("wide", words(num_beams=4, guidance_scale=3.0, max_tokens=30))
    engine.submit("next", words(max_tokens=30, preview_every=1))
    assert engine.step() == {}
    assert engine._slots.free == 0
    engine.cancel("wide")
    assert set(engine.step()) == {"next"}
    assert engine._slots.free == 7


def test_a_request_of_many_rows_is_not_overtaken_for_ever(make_engine: MakeEngine) -> None:
    engine = make_engine(rows=8)
    engine.submit("first", words(max_tokens=6, min_tokens=6, preview_every=1))
    engine.submit("wide", words(num_beams=4, guidance_scale=3.0, max_tokens=3))
    for index in range(12):
        engine.submit(index, words(seed=index, max_tokens=2, min_tokens=2))
    order = [key for key in drain(engine) if key in ("first", "wide", 0)]
    assert order == ["first", "wide", 0]


def test_more_than_the_limits_is_refused(make_engine: MakeEngine) -> None:
    engine = make_engine(rows=8, waiting=1)
    for index in range(9):
        engine.submit(index, words())
    with pytest.raises(RequestFailed) as caught:
        engine.submit(9, words())
    assert caught.value.code == "RESOURCE_EXHAUSTED"


def test_a_passed_deadline_ends_the_request_at_the_next_step(make_engine: MakeEngine) -> None:
    engine = make_engine()
    now = [0]
    engine._clock = lambda: now[0]
    engine.submit("hasty", words(max_tokens=30, min_tokens=30, timeout_us=1000))
    engine.submit("patient", words(max_tokens=3, min_tokens=3, preview_every=1))
    engine.step()
    now[0] += 2_000_000
    events = engine.step()
    assert events["hasty"] == [Failed("DEADLINE_EXCEEDED", "the deadline passed")]
    assert isinstance(events["patient"][-1], Partial)


@pytest.mark.parametrize("in_place", [False, True])
def test_what_fails_fails_alone(make_engine: MakeEngine, in_place: bool) -> None:
    engine = make_engine(in_place=in_place)
    expected = alone(engine, words())
    whole = engine._parts.decoder

    def broken(arrays: Mapping[str, NDArray[Any]]) -> tuple[FloatArray, dict[str, NDArray[Any]]]:
        if (arrays["memory"] > 1e5).any():
            raise RuntimeError("broken kernel")
        return whole(arrays)

    object.__setattr__(engine._parts, "decoder", broken)
    engine.submit("bad", words(seed=2))
    engine.submit("good", words())
    engine._admit({})
    row = engine._running["bad"].rows[0]
    row.shelf.arrays["memory"][row.index] = 1e6
    told = drain(engine)
    assert isinstance(told["bad"][-1], Failed)
    assert told["bad"][-1].code == "INTERNAL"
    assert same(result(told["good"]), expected)


def test_logits_that_are_not_finite_are_an_internal_error(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.submit("bad", words(max_tokens=9, min_tokens=9))
    engine.step()
    row = engine._running["bad"].rows[0]
    row.shelf.arrays["memory"][row.index] = np.nan
    last = drain(engine)["bad"][-1]
    assert isinstance(last, Failed)
    assert "not finite" in last.message


def test_partial_answers_add_up_to_the_result(make_engine: MakeEngine) -> None:
    engine = make_engine("player")
    engine.submit("it", notes(max_tokens=13, preview_every=2))
    *partials, last = drain(engine)["it"]
    assert isinstance(last, Finished)
    assert last.tokens.shape == (13, 4)
    told = [event for event in partials if isinstance(event, Partial)]
    assert len(told) == len(partials)
    tokens = np.concatenate([event.tokens for event in told])
    assert tokens.tolist() == last.tokens[: len(tokens)].tolist()
    assert [event.count for event in told] == np.cumsum([len(event.tokens) for event in told]).tolist()
    assert last.media is not None
    media = np.concatenate([event.media for event in told if event.media is not None], axis=-1)
    assert media.tobytes() == last.media.tobytes()


def test_what_may_become_a_stop_sequence_is_not_told_before(make_engine: MakeEngine) -> None:
    engine = make_engine()
    free = alone(engine, words(max_tokens=12, min_tokens=12)).tokens.tolist()
    stop = tuple(free[4:7])
    at = next(index for index in range(10) if tuple(free[index : index + 3]) == stop)
    engine.submit("it", words(max_tokens=12, min_tokens=12, preview_every=1, stop_sequences=(stop,)))
    *partials, last = drain(engine)["it"]
    assert isinstance(last, Finished)
    assert (last.reason, last.tokens.tolist()) == ("stop", free[:at])
    assert [token for event in partials if isinstance(event, Partial) for token in event.tokens] == free[:at]


def test_guidance_needs_two_rows_and_one_none(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.submit("plain", words(guidance_scale=1.0))
    engine.step()
    assert engine._slots.free == 7
    engine.submit("guided", words(guidance_scale=2.0))
    engine.step()
    assert engine._slots.free == 5


def test_guidance_steers_away_from_the_negative_prompt(make_engine: MakeEngine) -> None:
    engine = make_engine()
    request = words(temperature=0.0, max_tokens=20, min_tokens=20, guidance_scale=6.0)
    none, empty, storm = (
        alone(engine, replace(request, negative_prompt=text)).tokens.tolist() for text in (None, "", "storm calm")
    )
    assert none == empty
    assert storm != none


def test_a_scale_of_one_gives_what_no_guidance_gives(make_engine: MakeEngine) -> None:
    """The order of the two rows: were they exchanged, a scale of one would follow the negative prompt."""
    engine = make_engine()
    request = words(temperature=0.0, max_tokens=20, min_tokens=20, negative_prompt="storm night")
    plain = alone(engine, replace(request, guidance_scale=1.0)).tokens.tolist()
    almost = alone(engine, replace(request, guidance_scale=1.0 + 1e-6)).tokens.tolist()
    zero = alone(engine, replace(request, guidance_scale=0.0)).tokens.tolist()
    other = alone(engine, replace(request, prompt="storm night")).tokens.tolist()
    assert (almost, zero) == (plain, other)
    assert plain != other


def test_the_second_row_reads_the_null_token_in_place_of_condition_tokens(make_engine: MakeEngine) -> None:
    guidance = {"min": 0, "max": 10, "default": 3, "null_token": 12, "condition_tokens": 1, "unconditional": "zeros"}
    engine = make_engine(guidance=guidance)
    engine.submit("it", words(prefix=np.array([[4], [5]]), guidance_scale=2.0, min_tokens=9))
    read = []
    for _ in range(3):
        engine.step()
        state = engine._running["it"]
        read.append([int(row.shelf.arrays[TOKENS][row.index, 0]) for row in (*state.rows, *state.against)])
    assert read[:2] == [[4, 12], [5, 5]]
    assert read[2][0] == read[2][1]


def test_a_longer_prefix_continues_what_a_shorter_one_began(make_engine: MakeEngine) -> None:
    engine = make_engine()
    whole = alone(engine, words(temperature=0.0, max_tokens=12, min_tokens=12)).tokens
    rest = alone(engine, words(temperature=0.0, max_tokens=5, min_tokens=5, prefix=whole[:7, None])).tokens
    assert rest.tolist() == whole[7:].tolist()
