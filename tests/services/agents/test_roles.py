from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.vocabulary import Wording, lexicon, vocabulary
from services.agents.roles import (
    NO_PULLS,
    ROLE_OF,
    Agent,
    Brief,
    Choice,
    ColourAgent,
    CompositionAgent,
    Proposal,
    Pull,
    Pulls,
    SceneAgent,
    StyleAgent,
    Task,
    VerbAgent,
    brief_of,
    default_choices,
)
from services.agents.roles.choosing import choose, excluded, fits
from tests.services.agents.music import described

AGENTS: list[Agent[Proposal]] = [SceneAgent(), VerbAgent(), StyleAgent(), ColourAgent(), CompositionAgent()]
DAY = {"scene": "sea", "time": "day", "weather": "clear"}
SIDES = st.floats(-1, 1)
LADDER = (-0.9, -0.45, 0.0, 0.45, 0.9)


def brief(valence: float = 0.0, arousal: float = 0.0, **more: object) -> Brief:
    return Brief(**{"valence": valence, "arousal": arousal, "pace": arousal, "power": arousal} | more)  # type: ignore[arg-type]


def chosen(agent: Agent[Proposal], task: Task, rng: random.Random) -> Mapping[str, Choice]:
    return {choice.kind: choice for choice in agent.choose(task, rng).choices()}


def wording(agent: Agent[Proposal], kind: str, wish: Brief, seed: int, **more: object) -> Wording:
    choice = chosen(agent, Task(wish, **more), random.Random(seed))[kind]  # type: ignore[arg-type]
    return lexicon().wording(kind, choice.name)


def mean(value: Callable[[int], float], draws: int = 150) -> float:
    return fmean(value(seed) for seed in range(draws))


def rises(values: list[float], least: float) -> bool:
    return all(b > a - 0.03 for a, b in pairwise(values)) and values[-1] > values[0] + least


@pytest.mark.parametrize("arousal", [-0.6, 0.0, 0.6])
def test_more_valence_makes_brighter_and_warmer_palettes(arousal: float) -> None:
    found = {
        v: [wording(ColourAgent(), "palette", brief(v, arousal), seed, given=DAY) for seed in range(150)]
        for v in LADDER
    }
    assert rises([fmean(one.brightness for one in found[v]) for v in LADDER], 0.08)
    assert fmean(one.warmth for one in found[0.9]) > fmean(one.warmth for one in found[-0.9]) + 0.1


def test_warmth_tells_of_valence_rather_than_of_arousal() -> None:
    def warmth(valence: float, arousal: float) -> float:
        return mean(lambda seed: wording(ColourAgent(), "palette", brief(valence, arousal), seed, given=DAY).warmth)

    # A sea at rest that is a little pleasant is warmer than a stormy one that is a little unpleasant, and vice versa.
    assert warmth(0.3, -0.7) > warmth(-0.3, 0.7)
    assert warmth(0.3, 0.7) > warmth(-0.3, -0.7)


def test_the_first_motion_of_a_set_is_nearer_to_the_music_than_the_further_ones() -> None:
    def away(used: Mapping[tuple[str, str], int]) -> float:
        wish = brief(0.2, 0.15)
        return mean(lambda seed: abs(wording(VerbAgent(), "motion", wish, seed, used=used).entry.arousal - 0.15))

    assert away({}) < away({("motion", "raging"): 1})


def test_more_valence_makes_it_day() -> None:
    values = [mean(lambda s, v=v: wording(SceneAgent(), "time", brief(v), s).entry.valence) for v in LADDER]  # type: ignore[misc]
    assert rises(values, 0.3), values


@pytest.mark.parametrize("valence", [-0.6, 0.0, 0.6])
def test_more_arousal_makes_more_motion(valence: float) -> None:
    values = [mean(lambda s, a=a: wording(VerbAgent(), "motion", brief(valence, a), s).entry.arousal) for a in LADDER]  # type: ignore[misc]
    assert rises(values, 1.0), values


def test_more_arousal_makes_wilder_weather() -> None:
    values = [mean(lambda s, a=a: wording(SceneAgent(), "weather", brief(-0.4, a), s).entry.arousal) for a in LADDER]  # type: ignore[misc]
    assert rises(values, 0.5), values


def test_fast_and_loud_comes_closer_than_slow_and_soft() -> None:
    values = [
        mean(lambda s, e=e: wording(CompositionAgent(), "composition", brief(pace=e, power=e), s).entry.arousal)  # type: ignore[misc]
        for e in (-1.0, 0.0, 1.0)
    ]
    assert rises(values, 0.15), values


def test_a_major_key_is_brighter_than_a_minor_one() -> None:
    minor, none, major = (
        mean(lambda s, m=m: wording(ColourAgent(), "palette", brief(mode=m), s, given=DAY).brightness)  # type: ignore[misc]
        for m in ("minor", None, "major")
    )
    assert minor < none < major


@settings(max_examples=50)
@given(SIDES, SIDES, st.integers(0, 2**32))
def test_whatever_is_chosen_goes_together(valence: float, arousal: float, seed: int) -> None:
    rng, wish = random.Random(seed), brief(valence, arousal)
    found = dict(chosen(SceneAgent(), Task(wish), rng))
    names = {kind: choice.name for kind, choice in found.items()}
    found |= chosen(ColourAgent(), Task(wish, given=names), rng)
    names = {kind: choice.name for kind, choice in found.items()}
    for kind, choice in found.items():
        others = {other: name for other, name in names.items() if other != kind}
        assert fits(choice.entry, others)
        assert choice.name not in excluded(kind, others)


@settings(max_examples=50)
@given(SIDES, SIDES, st.integers(0, 2**32))
def test_the_mood_is_near_the_feeling(valence: float, arousal: float, seed: int) -> None:
    entry = chosen(StyleAgent(), Task(brief(valence, arousal)), random.Random(seed))["mood"].entry
    nearest = vocabulary().nearest("mood", valence, arousal)[0].distance(valence, arousal)
    assert entry.distance(valence, arousal) < nearest + 0.75


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_given_is_kept_and_leaves_the_others_as_they_are(agent: Agent[Proposal]) -> None:
    for seed in range(30):
        free = chosen(agent, Task(brief(0.4, 0.4)), random.Random(seed))
        for kind in agent.kinds:
            name = list(vocabulary().entries(kind))[seed % len(vocabulary().entries(kind))]
            bound = chosen(agent, Task(brief(0.4, 0.4), given={kind: name}), random.Random(seed))
            assert bound[kind].name == name
            # These go by each other: the hour by the place, the style by how the mood is seen.
            apart = {"scene", "time", "weather", "subject", "palette", "light", "style"}
            rest = {other for other in free if other != kind} - apart
            assert {other: free[other].name for other in rest} == {other: bound[other].name for other in rest}


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_decides_its_own_kinds_and_takes_what_others_decided_of_them(agent: Agent[Proposal]) -> None:
    found = chosen(agent, Task(brief(0.2, -0.2)), random.Random(3))
    assert set(agent.kinds) - agent.optional <= set(found) <= set(agent.kinds)
    assert {ROLE_OF[kind] for kind in agent.kinds} == {agent.role}
    assert {choice.kind: choice for choice in agent.take(found).choices()} == found
    assert all(choice.reasons for choice in found.values())


def test_every_kind_is_decided_by_one_agent() -> None:
    assert Counter(kind for agent in AGENTS for kind in agent.kinds) == Counter(vocabulary().kinds)


def test_a_silent_agent_says_the_defaults() -> None:
    said = {kind: choice.name for agent in AGENTS for kind, choice in default_choices(agent).items()}
    assert set(said) == set(vocabulary().kinds) - {"subject"}
    assert said["style"] == "photo"


def test_what_the_music_calls_for_is_likelier() -> None:
    wish = brief(0.0, 0.3)
    pulls = Pulls({("scene", "city"): Pull(3.0, 'style "jazz" is like "jazz" (1.00)')})
    tasks = {"called": Task(wish, pulls), "not": Task(wish, NO_PULLS)}
    share = {
        name: mean(lambda s, t=task: chosen(SceneAgent(), t, random.Random(s))["scene"].name == "city")  # type: ignore[misc]
        for name, task in tasks.items()
    }
    assert share["called"] > share["not"] + 0.3
    for seed in range(50):
        scene = chosen(SceneAgent(), tasks["called"], random.Random(seed))["scene"]
        assert (scene.name == "city") == any("jazz" in reason for reason in scene.reasons)


def test_an_entry_comes_twice_only_when_the_others_are_used_up() -> None:
    names = list(vocabulary().entries("scene"))
    used: Counter[tuple[str, str]] = Counter(("scene", name) for name in names if name != "sea")
    rng = random.Random(0)
    assert choose(Task(brief(), used=used), "scene", 0, 0, rng, repeat=math.inf).name == "sea"
    used["scene", "sea"] = 1
    assert choose(Task(brief(), used=used), "scene", 0, 0, rng, repeat=math.inf).name in names


def test_what_is_to_be_avoided_does_not_come_again() -> None:
    task = Task(brief(0.0, -0.8), avoid={"motion": frozenset({"resting"})})
    assert all(chosen(VerbAgent(), task, random.Random(seed))["motion"].name != "resting" for seed in range(50))


def test_silence_is_still() -> None:
    music = described(0.4, 0.4)
    music.silent = True
    silent = brief_of(music)
    assert (silent.valence, silent.arousal) == (0.0, -1.0)
    assert chosen(VerbAgent(), Task(silent), random.Random(1))["motion"].name == "resting"
    assert "subject" not in chosen(SceneAgent(), Task(silent), random.Random(1))


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
