"""Every walk through the grammar of bars is a piece that ends on time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.autoregressive.bar_grammar import BarGrammar, load_bar_grammar
from backends.autoregressive.errors import GenerationError
from luce.server.music.composing.score import METRES
from luce.server.music.composing.tokens import (
    CONTEXT,
    END,
    FIRST_BAR,
    FIRST_LENGTH,
    FIRST_METRE,
    FIRST_NOTE,
    FIRST_POSITION,
    LENGTHS,
    MOST_BARS,
    VOCABULARY_SIZE,
    bar_token,
    decode,
    encode,
)
from tests.server.music.composing.strategies import scores

LAYOUT: dict[str, Any] = {
    "end": END,
    "metres": FIRST_METRE,
    "sizes": [metre.positions for metre in METRES],
    "bars": FIRST_BAR,
    "most_bars": MOST_BARS,
    "positions": FIRST_POSITION,
    "lengths": FIRST_LENGTH,
    "notes": FIRST_NOTE,
    "most_tokens": CONTEXT - 2,
    "most_in_bar": 128,
}


@pytest.fixture(scope="module")
def grammar(tmp_path_factory: pytest.TempPathFactory) -> BarGrammar:
    path = tmp_path_factory.mktemp("grammar") / "grammar.json"
    path.write_text(json.dumps(LAYOUT))
    return load_bar_grammar(path, VOCABULARY_SIZE)


def walk(grammar: BarGrammar, prefix: list[int], random: np.random.Generator, eager: bool) -> list[int]:
    """Any allowed tokens to the end; an eager writer opens no bar as long as anything else may come."""
    state = grammar.start()
    for token in prefix:
        following = grammar.advance(state, token)
        assert following is not None
        state = following
    tokens = list(prefix)
    while tokens[-1] != END:
        choices = np.flatnonzero(grammar.allowed(state))
        others = choices[(choices >= FIRST_POSITION)]
        token = int(random.choice(others if eager and len(others) else choices))
        following = grammar.advance(state, token)
        assert following is not None
        state = following
        tokens.append(token)
        assert len(tokens) <= CONTEXT
    return tokens[:-1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(METRES) - 1), st.integers(1, MOST_BARS), st.integers(0, 2**32), st.booleans())
def test_every_walk_is_a_piece_of_as_many_bars_that_ends_within_the_context(
    grammar: BarGrammar, metre: int, bars: int, seed: int, eager: bool
) -> None:
    tokens = walk(grammar, [FIRST_METRE + metre, bar_token(bars)], np.random.default_rng(seed), eager)
    assert len(tokens) <= CONTEXT - 2
    score = decode(tokens)
    assert (score.metre, score.bars) == (metre, bars)
    assert sum(FIRST_BAR <= token < FIRST_POSITION for token in tokens) == bars
    assert score.count == sum(token >= FIRST_NOTE for token in tokens)
    assert score.onset.max() >= (bars - 1) * METRES[metre].positions
    # A walk may name a length twice, and one that is cut at the end; beyond that nothing is said twice.
    assert encode(decode(encode(score))) == encode(score)


@settings(max_examples=60, deadline=None)
@given(scores())
def test_the_tokens_of_any_score_may_come(grammar: BarGrammar, score: Any) -> None:
    state: Any = grammar.start()
    for token in encode(score, left=3):
        state = grammar.advance(state, token)
        assert state is not None
    assert grammar.advance(state, bar_token(3)) is not None


def test_what_makes_no_sense_may_not_come(grammar: BarGrammar) -> None:
    beginning = [FIRST_METRE + 1, bar_token(2), FIRST_POSITION + 4, FIRST_LENGTH, FIRST_NOTE + 5]
    state: Any = grammar.start()
    for token in beginning:
        state = grammar.advance(state, token)
    refused = {
        "an earlier position": FIRST_POSITION + 4,
        "a position beyond the bar": FIRST_POSITION + 12,
        "a lower note": FIRST_NOTE + 5,
        "the same length again": FIRST_LENGTH,
        "a bar too many": bar_token(2),
        "the end before the last bar": END,
        "another metre": FIRST_METRE,
    }
    assert {name for name, token in refused.items() if grammar.advance(state, token) is not None} == set()
    assert grammar.advance(state, FIRST_LENGTH + len(LENGTHS) - 1) is not None


def test_the_last_bar_needs_a_note(grammar: BarGrammar) -> None:
    state: Any = grammar.start()
    for token in (FIRST_METRE, bar_token(1)):
        state = grammar.advance(state, token)
    assert np.flatnonzero(grammar.allowed(state)).tolist() == list(range(FIRST_POSITION, FIRST_LENGTH))


@pytest.mark.parametrize(
    "changes",
    [{"notes": FIRST_LENGTH}, {"end": FIRST_BAR}, {"most_tokens": 100}, {"sizes": []}, {"unknown": 1}, {"bars": "x"}],
)
def test_a_layout_that_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "grammar.json"
    path.write_text(json.dumps({**LAYOUT, **changes}))
    with pytest.raises(GenerationError):
        load_bar_grammar(path, VOCABULARY_SIZE)
