from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.vocabulary import Entry, vocabulary
from services.agents.roles import (
    Brief,
    ColourAgent,
    CompositionAgent,
    Scene,
    SceneAgent,
    StyleAgent,
    VerbAgent,
    brief_of,
)
from services.agents.roles.choosing import brightness, choose, fits, warmth
from tests.services.agents.music import described

DAY = Scene("sea", "day", "clear", None)
SIDES = st.floats(-1, 1)
LADDER = (-0.9, -0.45, 0.0, 0.45, 0.9)


def brief(valence: float = 0.0, arousal: float = 0.0, **more: object) -> Brief:
    return Brief(**{"valence": valence, "arousal": arousal, "pace": arousal, "power": arousal} | more)  # type: ignore[arg-type]


def mean(value: Callable[[random.Random], float], draws: int = 300) -> float:
    return fmean(value(random.Random(seed)) for seed in range(draws))


def palette(wish: Brief, rng: random.Random) -> Entry:
    return vocabulary().entry("palette", ColourAgent().choose(wish, DAY, rng).palette)


def rises(values: list[float], least: float) -> bool:
    return all(b > a - 0.02 for a, b in pairwise(values)) and values[-1] > values[0] + least


@pytest.mark.parametrize("arousal", [-0.6, 0.0, 0.6])
def test_more_valence_makes_brighter_palettes(arousal: float) -> None:
    values = [mean(lambda rng, v=v: brightness(palette(brief(v, arousal), rng).colours)) for v in LADDER]  # type: ignore[misc]
    assert rises(values, 0.15), values


@pytest.mark.parametrize("arousal", [-0.6, -0.3, 0.0])
def test_more_valence_makes_warmer_palettes(arousal: float) -> None:
    values = [mean(lambda rng, v=v: warmth(palette(brief(v, arousal), rng).colours)) for v in (-0.9, 0.0, 0.9)]  # type: ignore[misc]
    assert values[-1] > values[0] + 0.1, values


def test_more_valence_makes_it_day() -> None:
    def light(wish: Brief, rng: random.Random) -> float:
        return vocabulary().entry("time", SceneAgent().choose(wish, rng).time).valence

    values = [mean(lambda rng, v=v: light(brief(v), rng)) for v in LADDER]  # type: ignore[misc]
    assert rises(values, 0.3), values


@pytest.mark.parametrize("valence", [-0.6, 0.0, 0.6])
def test_more_arousal_makes_more_motion(valence: float) -> None:
    def motion(wish: Brief, rng: random.Random) -> float:
        return vocabulary().entry("motion", VerbAgent().choose(wish, rng)).arousal

    values = [mean(lambda rng, a=a: motion(brief(valence, a), rng)) for a in LADDER]  # type: ignore[misc]
    assert rises(values, 1.0), values


def test_more_arousal_makes_wilder_weather() -> None:
    def weather(wish: Brief, rng: random.Random) -> float:
        return vocabulary().entry("weather", SceneAgent().choose(wish, rng).weather).arousal

    values = [mean(lambda rng, a=a: weather(brief(-0.4, a), rng)) for a in LADDER]  # type: ignore[misc]
    assert rises(values, 0.5), values


def test_fast_and_loud_comes_closer_than_slow_and_soft() -> None:
    def framing(wish: Brief, rng: random.Random) -> float:
        return vocabulary().entry("composition", CompositionAgent().choose(wish, rng)).arousal

    values = [mean(lambda rng, e=e: framing(brief(pace=e, power=e), rng)) for e in (-1.0, 0.0, 1.0)]  # type: ignore[misc]
    assert rises(values, 0.15), values


def test_a_major_key_is_brighter_than_a_minor_one() -> None:
    minor, none, major = (
        mean(lambda rng, m=m: brightness(palette(brief(mode=m), rng).colours))  # type: ignore[misc]
        for m in ("minor", None, "major")
    )
    assert minor < none < major


@given(SIDES, SIDES, st.integers(0, 2**32))
def test_whatever_is_chosen_goes_together(valence: float, arousal: float, seed: int) -> None:
    rng, wish = random.Random(seed), brief(valence, arousal)
    scene = SceneAgent().choose(wish, rng)
    colour = ColourAgent().choose(wish, scene, rng)
    chosen = {"scene": scene.scene, "time": scene.time, "weather": scene.weather}
    assert fits(vocabulary().entry("light", colour.light), chosen)
    assert scene.subject is None or fits(vocabulary().entry("subject", scene.subject), chosen)
    assert 1 <= len(StyleAgent().choose(wish, rng).moods) <= 2


@given(SIDES, SIDES, st.integers(0, 2**32))
def test_the_first_mood_is_near_the_feeling(valence: float, arousal: float, seed: int) -> None:
    mood = StyleAgent().choose(brief(valence, arousal), random.Random(seed)).moods[0]
    nearest = vocabulary().nearest("mood", valence, arousal)[0].distance(valence, arousal)
    assert vocabulary().entry("mood", mood).distance(valence, arousal) < nearest + 0.75


def test_places_to_avoid_are_avoided_while_others_are_left() -> None:
    others = set(vocabulary().entries("scene")) - {"sea"}
    rng = random.Random(0)
    assert choose("scene", 0, 0, rng, avoid=others).name == "sea"
    assert choose("scene", 0, 0, rng, avoid=others | {"sea"}).name in vocabulary().entries("scene")


def test_silence_is_still() -> None:
    silent = brief_of(described())
    music = described(0.4, 0.4)
    music.silent = True
    silent = brief_of(music)
    assert (silent.valence, silent.arousal) == (0.0, -1.0)
    assert VerbAgent().choose(silent, random.Random(1)) == "resting"
    assert SceneAgent().choose(silent, random.Random(1)).subject is None


@given(
    st.floats(-1, 1, width=32),
    st.floats(-1, 1, width=32),
    st.floats(0, 400, width=32),
    st.floats(-100, 10, width=32),
    st.sampled_from(["", "A minor", "Eb major"]),
)
def test_every_scale_of_a_brief_stays_in_its_range(v: float, a: float, tempo: float, loudness: float, key: str) -> None:
    told = brief_of(described(v, a, tempo=tempo, loudness=loudness, key=key))
    for value in (told.valence, told.arousal, told.pace, told.power, told.energy, told.tonal_valence):
        assert -1 <= value <= 1


def test_without_a_clear_tempo_the_pace_is_the_arousal() -> None:
    told = brief_of(described(0.1, 0.4, tempo=0))
    assert told.pace == told.arousal
