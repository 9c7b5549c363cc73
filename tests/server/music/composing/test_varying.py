"""Variations: which bars are kept, what is heard before one is written anew, and themes in another mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.music.composing.controls import Controls
from luce.server.music.composing.drafting import TAIL, VARIED_HEARD, Draft
from luce.server.music.composing.given import Given
from luce.server.music.composing.planning import Moment, Wish
from luce.server.music.composing.reading import Key
from luce.server.music.composing.score import BASS, MELODY, Score
from luce.server.music.composing.tokens import END, FIRST_LENGTH, FIRST_POSITION, bar_token, decode, note_tokens
from luce.server.music.composing.varying import in_mode, likeness, vary


def theme(bars: int = 8, *, minor: bool = False) -> Given:
    """A bass note and a melody note that rises from bar to bar, two seconds a bar."""
    first = np.arange(bars) * 16
    score = Score.sorted(
        0,
        bars,
        onset=[*first, *(first + 4)],
        length=[4] * (2 * bars),
        pitch=[36] * bars + [60 + index for index in range(bars)],
        role=[BASS] * bars + [MELODY] * bars,
    )
    return Given(score, Key(2, minor, 0.2, 0.9), 120.0, Controls(mode=1.0, density=1.0, brightness=0.5))


def wish(seconds: float = 16.0, **changes: object) -> Wish:
    return replace(Wish((Moment(seconds, 0.1, 0.1),)), **changes)  # type: ignore[arg-type]


def written(draft: Draft) -> Score:
    """The draft with one and the same bar wherever it asks for one."""
    bar = [FIRST_POSITION, FIRST_LENGTH, int(note_tokens([MELODY], [72])[0]), END]
    while draft.request() is not None:
        draft.accept(np.array(bar))
    return draft.score


@given(st.integers(1, 12), st.floats(0.05, 1), st.integers(0, 2**64 - 1))
def test_so_many_bars_are_written_anew_and_the_others_stay(bars: int, share: float, seed: int) -> None:
    given_theme = theme(bars)
    plan = vary(wish(2.0 * bars), given_theme, seed, share=share)
    anew = [section.written for section in plan.sections]
    assert plan.bars == bars
    assert sum(anew) == max(1, round(share * bars))
    assert all(anew) or not anew[0], "a theme is first heard as it is"
    score = written(Draft(plan, seed))
    assert score.bars == bars
    for bar, new in enumerate(anew):
        now, was = score.between(bar, bar + 1), given_theme.score.between(bar, bar + 1)
        assert (now.pitch.tolist() == was.pitch.tolist()) != new


def test_a_bar_that_is_varied_is_the_last_that_the_composer_hears() -> None:
    draft = Draft(vary(wish(), theme(), 3, share=1.0), 3)
    for bar in range(3):
        request = draft.request()
        assert request is not None
        heard = decode(request["prefix"][0][:-1])
        assert request["prefix"][0][-1] == bar_token(1)
        ahead = 1  # the first bar token counts the bar to come
        own = heard.bars - ahead - VARIED_HEARD
        assert own == min(bar, TAIL - VARIED_HEARD)
        assert heard.between(0, own).pitch.tolist() == [72] * own
        assert heard.between(own, heard.bars).pitch.tolist() == [36, 60 + bar] * VARIED_HEARD
        draft.accept(np.array([FIRST_POSITION, FIRST_LENGTH, int(note_tokens([MELODY], [72])[0]), END]))


def test_a_longer_variation_begins_the_theme_again_and_a_shorter_one_ends_early() -> None:
    long = vary(wish(24.0), theme(), 1, share=0.5)
    assert [section.stands.pitch[-1] for section in long.sections if section.stands] == [*range(60, 68), *range(60, 64)]
    assert vary(wish(6.0), theme(), 1, share=0.5).bars == 3


def test_key_tempo_and_character_are_the_themes_unless_told_otherwise() -> None:
    plain = vary(wish(), theme(), 1, share=0.5)
    assert (plain.manner.tonic, plain.manner.minor, plain.manner.bpm) == (2, False, 120)
    assert plain.sections[0].controls.density == 1
    told = vary(wish(key="E minor", tempo_bpm=90.0), theme(), 1, share=0.5)
    assert (told.manner.tonic, told.manner.minor, told.manner.bpm) == (4, True, 90)
    assert told.sections[0].controls.brightness is None
    drawn = vary(wish(), theme(), 1, share=0.5, faithful=False)
    assert drawn.sections[0].controls.register is not None


@pytest.mark.parametrize(
    ("was_minor", "pitches", "expected"),
    [(False, [60, 64, 67, 71], [0, 3, 7, 11]), (True, [57, 60, 64, 67], [0, 4, 7, 11])],
)
def test_a_theme_in_the_other_mode_keeps_its_tonic_and_alters_its_third(
    was_minor: bool, pitches: list[int], expected: list[int]
) -> None:
    score = Score.sorted(0, 1, onset=[0, 4, 8, 12], length=[4] * 4, pitch=pitches, role=[MELODY] * 4)
    altered = in_mode(score, was_minor=was_minor, minor=not was_minor)
    home = 0 if was_minor else 9
    assert ((altered.pitch - home) % 12).tolist() == expected
    assert np.abs(altered.pitch - score.pitch).max() <= 4
    assert in_mode(score, was_minor=was_minor, minor=was_minor) is score


def test_a_score_is_wholly_like_itself_and_not_at_all_like_silence() -> None:
    score = theme().score
    assert likeness(score, score) == pytest.approx(1)
    assert likeness(score, Score.sorted(0, 8, onset=[], length=[], pitch=[], role=[])) == 0
    assert 0.4 < likeness(score, replace(score, pitch=np.where(score.role == MELODY, 71, score.pitch))) < 0.6
