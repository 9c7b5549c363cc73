"""Scores in and out of tokens."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from luce.server.music.composing.score import BASS, HARMONY, MELODY, Score
from luce.server.music.composing.tokens import (
    END,
    FIRST_METRE,
    FIRST_NOTE,
    RANGES,
    VOCABULARY_SIZE,
    bar_token,
    decode,
    encode,
    note_tokens,
)
from tests.server.music.composing.strategies import scores


@given(scores())
def test_a_score_comes_back_from_its_tokens(score: Score) -> None:
    found = decode(encode(score))
    assert (found.metre, found.bars) == (score.metre, score.bars)
    for name in ("onset", "length", "pitch", "role"):
        assert getattr(found, name).tolist() == getattr(score, name).tolist()


@given(scores(), st.integers(1, 8))
def test_a_beginning_counts_the_bars_that_are_to_come(score: Score, left: int) -> None:
    tokens = encode(score, left=left)
    assert tokens[:2] == [FIRST_METRE + score.metre, bar_token(score.bars + left)]
    assert bar_token(left) not in tokens
    assert bar_token(left + 1) in tokens


@given(st.lists(st.integers(0, VOCABULARY_SIZE - 1), max_size=80))
def test_any_tokens_are_a_score_within_its_bars(tokens: list[int]) -> None:
    score = decode(np.array(tokens, np.int32))
    assert (score.onset + score.length <= max(score.positions, 0)).all()
    assert (score.length >= 1).all()


def test_what_follows_the_end_is_not_read() -> None:
    score = Score.sorted(0, 1, onset=[0], length=[4], pitch=[60], role=[MELODY])
    assert decode([*encode(score), END, *encode(score)]).count == 1


def test_every_note_has_a_token_of_its_own_and_a_stranger_moves_by_octaves() -> None:
    pairs = [(role, pitch) for role in (BASS, HARMONY, MELODY) for pitch in range(*RANGES[role])]
    tokens = note_tokens(*zip(*pairs, strict=True))
    assert tokens.tolist() == list(range(FIRST_NOTE, VOCABULARY_SIZE))
    low, high = RANGES[BASS]
    assert note_tokens(BASS, low - 12) == note_tokens(BASS, low)
    assert note_tokens(BASS, high + 11) == note_tokens(BASS, high - 1)


def test_a_piece_is_few_tokens_a_note() -> None:
    onsets = np.repeat(np.arange(0, 64, 2), 2)
    score = Score.sorted(0, 4, onset=onsets, length=[2] * 64, pitch=[40, 64] * 32, role=[BASS, MELODY] * 32)
    assert len(encode(score)) <= 1 + 4 + 32 * (1 + 1 + 2)
