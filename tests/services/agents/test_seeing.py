"""The agents go by what their words were measured to do, not only by what they mean."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from statistics import fmean

import pytest

from luce.server.vocabulary import lexicon, vocabulary
from luce.v1 import agents_pb2
from services.agents.roles import Brief, ColourAgent, StyleAgent, Task, brief_of
from services.agents.roles.seeing import nearness, seen
from tests.services.agents.imagine import prompts
from tests.services.agents.music import ANGRY, CALM, HAPPY, SAD, described

DRAWS = 60
PLACE = {"scene": "field", "time": "day", "weather": "clear", "motion": "drifting", "composition": "wide"}


def brief(valence: float, arousal: float) -> Brief:
    return brief_of(described(valence, arousal))


def missed(wish: Brief, names: Mapping[str, str]) -> float:
    """How far from the music the picture of these words should feel."""
    return math.dist(seen(names), wish.felt)


def test_what_was_heard_comes_back_from_the_stretched_brief() -> None:
    assert brief(0.3, -0.1).felt == pytest.approx((0.3, -0.1))


def test_nothing_said_is_seen_as_the_first_line_of_the_lexicon_tells() -> None:
    assert seen({}) == lexicon().seen


@pytest.mark.parametrize("valence", [-0.1, 0.1, 0.3])
@pytest.mark.parametrize("arousal", [-0.15, 0.05, 0.25])
def test_colours_make_up_for_how_the_rest_feels(valence: float, arousal: float) -> None:
    wish = brief(valence, arousal)
    for style in ("ink", "pastel", "oil"):
        given = {**PLACE, "style": style, "mood": "mysterious"}
        known, blind = [], []
        for seed in range(DRAWS):
            made = ColourAgent().choose(Task(wish, given=given), random.Random(seed))
            named = {choice.kind: choice.name for choice in made.choices()}
            known.append(missed(wish, given | named))
            unknowing = ColourAgent().choose(Task(wish, given=PLACE), random.Random(seed))
            blind.append(missed(wish, given | {choice.kind: choice.name for choice in unknowing.choices()}))
        assert fmean(known) <= fmean(blind) + 0.005


def test_a_word_that_brings_the_picture_nearer_weighs_more() -> None:
    wish = brief(0.3, 0.25)
    weight = nearness(wish, PLACE, 0.1)
    palettes = sorted(vocabulary().entries("palette").values(), key=weight)
    distances = [missed(wish, {**PLACE, "palette": entry.name}) for entry in palettes]
    assert distances == sorted(distances, reverse=True)
    assert weight(palettes[-1]) <= 0.0


def test_the_first_picture_of_a_set_goes_by_feeling_and_the_further_ones_bring_other_styles() -> None:
    wish = brief(0.0, -0.3)
    first = [StyleAgent().choose(Task(wish), random.Random(seed)).style.entry for seed in range(DRAWS)]
    used = {("style", "ink"): 1, ("style", "pastel"): 1, ("style", "pixel"): 1}
    later = [StyleAgent().choose(Task(wish, used=used), random.Random(seed)).style.entry for seed in range(DRAWS)]
    calming = fmean(lexicon().wording("style", entry.name).seen[1] for entry in first)
    assert calming < fmean(lexicon().wording("style", entry.name).seen[1] for entry in later)
    assert not {entry.name for entry in later} & {"ink", "pastel", "pixel"}


@pytest.mark.parametrize("music", [HAPPY, ANGRY, SAD, CALM])
def test_prompts_foretell_a_feeling_on_the_side_of_the_music(music: agents_pb2.MusicDescription) -> None:
    found = [prompt.emotion for seed in range(10) for prompt in prompts(music, "", 4, seed)]
    side = brief_of(music)
    middle = seen({})
    assert (fmean(one.valence for one in found) > middle[0]) == (side.valence > 0)
    assert (fmean(one.arousal for one in found) > middle[1]) == (side.arousal > 0)
