from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.errors import FailedPrecondition, InvalidArgument
from luce.server.measures.text import content_words, distinct, retention
from luce.v1 import agents_pb2
from services.agents.naming import named_in
from tests.services.agents.imagine import imagined, prompts
from tests.services.agents.music import ANGRY, CALM, HAPPY, SAD, described

SEEDS = st.integers(0, 2**64 - 1)
SONGS = [HAPPY, ANGRY, SAD, CALM]
ROLES = ["SCENE", "VERB", "STYLE", "COLOUR", "COMPOSITION"]
few = settings(max_examples=25, deadline=None)


def texts(found: list[agents_pb2.Prompt]) -> list[str]:
    return [prompt.text for prompt in found]


@few
@given(SEEDS, st.integers(1, 8))
def test_the_same_music_text_and_seed_give_the_same_prompts_and_report(seed: int, count: int) -> None:
    one, other = imagined(HAPPY, "", count, seed), imagined(HAPPY, "", count, seed)
    assert (one.prompts, one.report) == (other.prompts, other.report)


@few
@given(SEEDS, st.sampled_from([*SONGS, described()]), st.sampled_from(["", "an old man and the sea"]))
def test_the_prompts_of_one_set_differ(seed: int, music: agents_pb2.MusicDescription, text: str) -> None:
    assert len(set(texts(prompts(music, text, 8, seed)))) == 8


@few
@given(SEEDS)
def test_the_pictures_of_one_set_show_different_places(seed: int) -> None:
    assert len({prompt.vocabulary["scene"] for prompt in prompts(SAD, "", 8, seed)}) == 8


@few
@given(SEEDS)
def test_fewer_prompts_are_the_first_of_more(seed: int) -> None:
    assert prompts(CALM, "", 3, seed) == prompts(CALM, "", 8, seed)[:3]


@few
@given(SEEDS)
def test_different_songs_give_different_prompts_with_one_seed(seed: int) -> None:
    assert len({prompts(song, "", 1, seed)[0].text for song in SONGS}) == 4


def test_songs_of_the_same_feeling_still_differ() -> None:
    here, there = described(0.3, 0.3, tempo=120, key="G major"), described(0.3, 0.3, tempo=121, key="G major")
    assert sum(prompts(here, "", 1, seed) == prompts(there, "", 1, seed) for seed in range(50)) < 3


def test_seeds_vary_the_prompt() -> None:
    assert len({prompts(HAPPY, "", 1, seed)[0].text for seed in range(50)}) > 45


def test_four_prompts_of_a_piece_say_little_twice() -> None:
    ones, twos, shared = [], [], []
    for seed in range(25):
        for song in SONGS:
            found = texts(prompts(song, "", 4, seed))
            ones.append(distinct(found, 1))
            twos.append(distinct(found, 2))
            sets = [content_words(text) for text in found]
            shared += [len(a & b) / min(len(a), len(b)) for i, a in enumerate(sets) for b in sets[:i]]
    assert fmean(ones) >= 0.80
    assert fmean(twos) >= 0.95
    assert max(shared) <= 0.60


@pytest.mark.parametrize(
    ("music", "never"),
    [
        (HAPPY, ["gloomy", "sad", "grey", "dark red", "at night", "in the rain"]),
        (SAD, ["joyful", "rainbow", "neon", "bright sunlight", "surging", "raging"]),
        (ANGRY, ["serene", "peaceful", "everything resting", "rose and pink"]),
        (CALM, ["furious", "storm", "raging", "dark red", "neon"]),
    ],
)
def test_the_opposite_feeling_is_never_asked_for(music: agents_pb2.MusicDescription, never: list[str]) -> None:
    for seed in range(100):
        (prompt,) = prompts(music, "", 1, seed)
        assert not [word for word in never if word in prompt.text], prompt


def test_what_is_to_be_avoided_is_the_opposite_feeling() -> None:
    assert "desolate" in prompts(HAPPY, "", 1, 1)[0].negative_text
    assert "exuberant" in prompts(SAD, "", 1, 1)[0].negative_text
    assert prompts(SAD, "an exuberant party", 1, 1)[0].negative_text == ""
    assert prompts(described(0.15, 0.05), "", 1, 1)[0].negative_text == ""


@few
@given(SEEDS, st.sampled_from(SONGS))
def test_attributes_are_told_in_the_words_of_the_prompt(seed: int, song: agents_pb2.MusicDescription) -> None:
    for prompt in prompts(song, "", 4, seed):
        told = {field.name: value for field, value in prompt.attributes.ListFields()}
        told.pop("iconography")
        assert retention(prompt.text, told.values()) == 1
        assert {"scene", "verb", "style", "palette", "lighting", "composition", "mood"} <= set(told)


def test_the_five_visual_dimensions_are_told() -> None:
    found = prompts(SAD, "", 8, 1)
    for prompt in found:
        told = prompt.attributes
        assert all((told.palette, told.lighting, told.iconography, told.composition, told.texture))
        assert told.scene in told.iconography
    assert any(", for " in prompt.attributes.iconography for prompt in found)


# A person's words.

WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), min_size=1, max_size=20)


@few
@given(WORDS.map(" ".join), SEEDS)
def test_a_persons_words_come_first_and_whole(text: str, seed: int) -> None:
    (prompt,) = prompts(SAD, text, 1, seed)
    assert prompt.text.startswith(text)
    assert len(prompt.text) > len(text)


@pytest.mark.parametrize("seed", range(20))
def test_what_a_person_names_is_not_contradicted(seed: int) -> None:
    (prompt,) = prompts(SAD, "A castle by the sea at sunrise, oil painting.", 1, seed)
    told = prompt.vocabulary
    assert (told["scene"], told["subject"], told["time"], told["style"]) == ("sea", "castle", "dawn", "oil")
    assert prompt.text.startswith("A castle by the sea at sunrise, oil painting, ")
    added = prompt.text.removeprefix("A castle by the sea at sunrise, oil painting, ")
    assert not set(named_in(added)) & {"scene", "subject", "time", "style"}


@pytest.mark.parametrize("seed", range(10))
def test_music_never_adds_to_what_is_shown(seed: int) -> None:
    for prompt in prompts(HAPPY, "a dancer", 4, seed):
        assert not set(prompt.vocabulary) & {"scene", "subject"}
        assert set(prompt.vocabulary) >= {"mood", "style", "light", "palette", "motion"}


def test_music_colours_the_same_words_differently() -> None:
    assert len({prompts(song, "a dancer", 1, 5)[0].text for song in SONGS}) == 4


def test_without_music_the_words_stand_alone() -> None:
    assert texts(prompts(None, "  a  dancer ", 2, 5)) == ["a dancer", "a dancer"]


def test_unsafe_words_of_a_person_are_told_and_stay() -> None:
    answer = imagined(SAD, "a naked tree", 1, 1)
    assert answer.prompts[0].text.startswith("a naked tree")
    (finding,) = [found for found in answer.report.findings if found.attribute == "text"]
    assert finding.kind == agents_pb2.FINDING_KIND_UNSAFE_CONTENT
    assert finding.outcome == agents_pb2.FINDING_OUTCOME_KEPT


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Snow-capped peaks in the rain", {"scene": "mountain", "weather": "rain"}),
        ("two lighthouses", {"subject": "lighthouse"}),
        ("a close friend on a soft bed in an oily kitchen", {}),
        ("northern lights over a frozen lake", {"light": "aurora", "scene": "lake"}),
        ("", {}),
    ],
)
def test_the_vocabulary_is_found_in_a_persons_words(text: str, named: dict[str, str]) -> None:
    assert dict(named_in(text)) == named


# Limits.


@pytest.mark.parametrize("count", [0, 9, 100])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        prompts(HAPPY, "", count, 1)
    assert (caught.value.field, caught.value.limit) == ("count", "1..8")


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="1001 characters") as caught:
        prompts(HAPPY, "x" * 1001, 1, 1)
    assert caught.value.field == "text"


def test_neither_music_nor_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="neither"):
        prompts(None, "  ", 1, 1)


def test_silence_is_imagined_as_stillness() -> None:
    music = described(duration=5)
    music.silent = True
    for prompt in prompts(music, "", 8, 3):
        assert prompt.vocabulary["motion"] == "resting"
        assert "subject" not in prompt.vocabulary


# Ablations and baselines.


@pytest.mark.parametrize("role", ROLES)
def test_a_silent_agent_leaves_plain_defaults_and_everything_else_as_it_was(role: str) -> None:
    kinds = {
        "SCENE": {"scene", "time", "weather", "subject"},
        "VERB": {"motion"},
        "STYLE": {"style", "mood"},
        "COLOUR": {"palette", "light"},
        "COMPOSITION": {"composition"},
    }[role]
    # The light goes by the hour; what contradicts each other, or a default, is repaired by who can.
    free = {"light", "palette", "weather", "motion", "composition"}
    for seed in range(5):
        full = prompts(HAPPY, "", 4, seed)
        without = prompts(HAPPY, "", 4, seed, without=[f"AGENT_ROLE_{role}"])
        assert (
            len({tuple(sorted((k, one.vocabulary[k]) for k in kinds if k in one.vocabulary)) for one in without}) == 1
        )
        for one, other in zip(full, without, strict=True):
            rest = set(one.vocabulary) - kinds - free
            assert {k: one.vocabulary[k] for k in rest} == {k: other.vocabulary[k] for k in rest}


def test_without_the_prompt_agent_the_words_stand_in_one_order() -> None:
    for prompt in prompts(CALM, "", 4, 1, without=["AGENT_ROLE_PROMPT"]):
        assert prompt.text.startswith(f"{prompt.attributes.scene}, ")


def test_without_the_validator_nothing_is_found() -> None:
    for seed in range(20):
        assert not imagined(ANGRY, "", 8, seed, without=["AGENT_ROLE_VALIDATOR"]).report.findings


def test_caption_only_takes_the_caption_as_it_is() -> None:
    music = described(0.4, 0.4)
    music.summary, music.caption = "30 seconds of music.", "A lively   piano tune."
    assert texts(prompts(music, "", 2, 1, baseline="AGENT_BASELINE_CAPTION_ONLY")) == ["A lively piano tune."] * 2
    music.caption = ""
    assert (
        prompts(music, "a dog", 1, 1, baseline="AGENT_BASELINE_CAPTION_ONLY")[0].text == "a dog, 30 seconds of music."
    )


def test_a_single_agent_sees_caption_and_emotion_and_has_no_attributes() -> None:
    music = described(-0.4, 0.4)
    music.caption = "Heavy drums."
    found = prompts(music, "", 4, 1, baseline="AGENT_BASELINE_SINGLE_AGENT")
    assert len(set(texts(found))) == 4
    for prompt in found:
        assert "Heavy drums" in prompt.text
        assert "furious" in prompt.text
        assert not prompt.vocabulary


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"without": [99]}, "without"),
        ({"without": [0]}, "without"),
        ({"mind": 9}, "mind"),
        ({"baseline": 9}, "baseline"),
        ({"baseline": 1, "without": [2]}, "without"),
        ({"minds": [agents_pb2.AgentMindChoice(role=agents_pb2.AGENT_ROLE_VERB)]}, "minds"),
    ],
)
def test_options_that_do_not_exist_or_contradict_are_refused(options: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        prompts(HAPPY, "", 1, 1, **options)
    assert caught.value.field == field


def test_a_language_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="LUCE_LLM_URL"):
        prompts(HAPPY, "", 1, 1, mind="AGENT_MIND_LLM")


# The report.


def test_the_report_tells_who_chose_what_and_why() -> None:
    answer = imagined(SAD, "", 2, 1)
    first = [note for note in answer.report.notes if note.prompt == 1]
    palette = next(note for note in first if note.topic == "palette")
    assert palette.author == agents_pb2.AGENT_ROLE_COLOUR
    assert palette.mind == agents_pb2.AGENT_MIND_RULES
    assert palette.round == 1
    assert "valence" in palette.evidence[0]
    assert [note.words for note in answer.report.notes if note.topic == "prompt"] == texts(list(answer.prompts))


def test_errors_are_repaired_or_dropped_and_never_left() -> None:
    outcomes = set()
    for seed in range(60):
        for finding in imagined(ANGRY, "", 8, seed).report.findings:
            assert finding.message
            outcomes.add((finding.severity, finding.outcome))
    error, kept = agents_pb2.FINDING_SEVERITY_ERROR, agents_pb2.FINDING_OUTCOME_KEPT
    assert outcomes
    assert (error, kept) not in outcomes
