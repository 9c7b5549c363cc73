"""Decisions: beams against all sequences there are, greedy against beams of one, ends, constraints."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.autoregressive.beams import BeamSearch
from backends.autoregressive.constraints import Automaton, load_automaton
from backends.autoregressive.drawing import Sampled
from backends.autoregressive.errors import GenerationError, RequestFailed
from backends.autoregressive.events import FloatArray
from backends.autoregressive.pattern import Pattern
from backends.autoregressive.sampling import log_softmax
from backends.autoregressive.search import Rules, Search
from tests.backends.autoregressive.conftest import NOTHING, words

VOCABULARY = 3
EOS = 0

Model = Callable[[tuple[int, ...]], FloatArray]


@dataclass
class Described:
    """As much of a description as the rules look at."""

    eos: int | None = EOS


def table(seed: int, vocabulary: int = VOCABULARY) -> Model:
    """A model whose logits depend on everything before."""

    def logits(tokens: tuple[int, ...]) -> FloatArray:
        mixed = hash((seed, tokens)) % 2**32
        return (np.random.default_rng(mixed).standard_normal(vocabulary) * 2).astype(np.float32)

    return logits


def run(search: Search, model: Model) -> list[int]:
    """Feed a search from a model until it ends, following the branches as the engine's caches do."""
    histories: list[tuple[int, ...]] = [()] * search.branches
    for _ in range(100):
        parents = search.accept(np.stack([model(history) for history in histories])[:, None])
        if search.reason:
            return [int(token) for token in search.result(0, search.frames())[:, 0]]
        inputs = search.inputs()[:, 0]
        histories = [(*histories[parent], int(token)) for parent, token in zip(parents, inputs, strict=True)]
    raise AssertionError("the search does not end")


def begin(
    kind: type[Sampled] | type[BeamSearch], frames: int, constraint: Automaton | None = None, **values: Any
) -> Search:
    request = words(**{"temperature": 0.0, "max_tokens": frames, **values})
    rules = Rules(Described(), request, constraint)  # type: ignore[arg-type]
    return kind(Pattern((0,), 9, request.prefix, frames), 9, rules, request)


def best_of_all(model: Model, frames: int, penalty: float) -> tuple[float, tuple[int, ...]]:
    """Value and tokens of the best sequence, by looking at every one."""
    found = []
    for length in range(1, frames + 1):
        for tokens in itertools.product(range(VOCABULARY), repeat=length):
            if EOS in tokens[:-1] or (length < frames and tokens[-1] != EOS):
                continue
            score = sum(log_softmax(model(tokens[:i]))[token] for i, token in enumerate(tokens))
            found.append((float(score) / length**penalty, tokens[:-1] if tokens[-1] == EOS else tokens))
    return max(found)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 5), penalty=st.sampled_from([-0.5, 0.0, 0.6, 1.0, 2.0]))
def test_enough_beams_find_the_best_of_all_sequences(seed: int, frames: int, penalty: float) -> None:
    model = table(seed)
    search = begin(BeamSearch, frames, num_beams=VOCABULARY**frames, length_penalty=penalty)
    tokens = run(search, model)
    value, best = best_of_all(model, frames, penalty)
    length = len(best) + (search.reason == "eos")
    assert tuple(tokens) == best
    assert search.log_probability / length**penalty == pytest.approx(value)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 6))
def test_one_beam_without_a_length_penalty_is_greedy_search(seed: int, frames: int) -> None:
    beam = begin(BeamSearch, frames, num_beams=1, length_penalty=0.0)
    greedy = begin(Sampled, frames)
    assert run(beam, table(seed)) == run(greedy, table(seed))
    assert beam.log_probability == pytest.approx(greedy.log_probability)
    assert beam.reason == greedy.reason


def test_few_beams_are_worth_no_more_than_many() -> None:
    values = []
    for beams in (1, 2, 4, 81):
        total = 0.0
        for seed in range(20):
            search = begin(BeamSearch, 4, num_beams=beams, length_penalty=0.0)
            run(search, table(seed))
            total += search.log_probability
        values.append(total)
    assert max(values) == values[-1]
    assert values[0] < values[-1]


@pytest.mark.parametrize("beams", [1, 3])
def test_the_end_does_not_come_before_the_least_number_of_tokens(beams: int) -> None:
    def eager(tokens: tuple[int, ...]) -> FloatArray:
        return np.array([9.0, 0.0, 1.0], np.float32)

    kind = Sampled if beams == 1 else BeamSearch
    assert run(begin(kind, 9, num_beams=beams), eager) == []
    assert run(begin(kind, 9, num_beams=beams, min_tokens=4), eager) == [2, 2, 2, 2]


@pytest.mark.parametrize("beams", [1, 3])
def test_a_stop_sequence_ends_the_result_before_itself(beams: int) -> None:
    def counting(tokens: tuple[int, ...]) -> FloatArray:
        return np.where(np.arange(6) == 1 + len(tokens) % 5, 9.0, 0.0).astype(np.float32)

    search = begin(Sampled if beams == 1 else BeamSearch, 20, num_beams=beams, stop_sequences=((3, 4), (5, 1)))
    assert run(search, counting) == [1, 2]
    assert search.reason == "stop"


ALTERNATING = Automaton(np.array([[-1, 1, 2], [-1, -1, 2], [0, 1, -1]]))
"""1 and 2 take turns, and an end may come after a 2."""


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), beams=st.sampled_from([1, 4]), temperature=st.sampled_from([0.0, 1.5]))
def test_what_the_constraint_forbids_never_comes(seed: int, beams: int, temperature: float) -> None:
    kind = Sampled if beams == 1 else BeamSearch
    search = begin(kind, 8, ALTERNATING, seed=seed, num_beams=beams, temperature=temperature, min_tokens=1)
    tokens = run(search, table(seed))
    assert all(one != other for one, other in itertools.pairwise(tokens))
    assert set(tokens) <= {1, 2}
    assert search.reason == "length" or tokens[-1] == 2


@pytest.mark.parametrize("beams", [1, 2])
def test_a_constraint_that_leaves_nothing_is_an_error(beams: int) -> None:
    nowhere = Automaton(np.array([[-1, 1, -1], [-1, -1, -1]]))
    search = begin(Sampled if beams == 1 else BeamSearch, 5, nowhere, num_beams=beams)
    with pytest.raises(RequestFailed, match="no token"):
        run(search, table(1))


def test_a_beam_in_a_dead_end_leaves_the_others_alone() -> None:
    """After a 1 nothing may come, after a 2 everything may; 1 is the better first token."""
    trap = Automaton(np.array([[-1, 1, 2], [-1, -1, -1], [2, 2, 2]]))

    def tempting(tokens: tuple[int, ...]) -> FloatArray:
        return np.array([0.0, 5.0, 4.0], np.float32)

    assert run(begin(BeamSearch, 3, trap, num_beams=2, min_tokens=3), tempting) == [2, 1, 1]


def test_a_prefix_that_the_constraint_forbids_is_refused() -> None:
    begin(Sampled, 5, ALTERNATING, prefix=np.array([[1], [2], [1]]))
    with pytest.raises(RequestFailed, match=r"wrong at token 2 \(2\).*field=prefix"):
        begin(Sampled, 5, ALTERNATING, prefix=np.array([[1], [2], [2]]))


def test_the_constraint_goes_on_where_the_prefix_left_it() -> None:
    search = begin(Sampled, 1, ALTERNATING, prefix=np.array([[1]]))
    search.skip(1)
    search.accept(np.array([[[9.0, 8.0, 0.0]]], np.float32))
    assert search.result(0, 1).tolist() == [[2]]


def test_the_same_seed_gives_the_same_tokens_and_others_differ() -> None:
    found = [run(begin(Sampled, 30, seed=s, temperature=1.0, min_tokens=30), table(1)) for s in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.zeros((2, 5), int), "not whole numbers"),
        (np.zeros((2, VOCABULARY)), "not whole numbers"),
        (np.full((2, VOCABULARY), 2), "a state that is not there"),
        (np.full((2, VOCABULARY), -2), "a state that is not there"),
        (None, "no table"),
    ],
)
def test_a_broken_table_is_refused(tmp_path_factory: pytest.TempPathFactory, table: object, words: str) -> None:
    path = tmp_path_factory.mktemp("tables") / "grammar.npz"
    np.savez(path, **({"other": np.zeros(1)} if table is None else {"next_state": np.asarray(table)}))
    with pytest.raises(GenerationError, match=words):
        load_automaton(path, VOCABULARY)


def test_an_empty_prefix_is_no_prefix() -> None:
    assert begin(Sampled, 3, prefix=NOTHING).inputs().tolist() == [[9]]
