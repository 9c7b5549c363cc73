from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.v1 import agents_pb2
from services.agents.imagining import Imagination
from services.agents.wording import named_in
from tests.services.agents.music import ANGRY, CALM, HAPPY, SAD, described

IMAGINATION = Imagination()
SEEDS = st.integers(0, 2**64 - 1)


def texts(prompts: list[agents_pb2.Prompt]) -> list[str]:
    return [prompt.text for prompt in prompts]


@given(SEEDS, st.integers(1, 8))
def test_the_same_music_text_and_seed_give_the_same_prompts(seed: int, count: int) -> None:
    assert IMAGINATION.imagine(HAPPY, "", count, seed) == Imagination().imagine(HAPPY, "", count, seed)


@given(SEEDS, st.sampled_from([HAPPY, ANGRY, SAD, CALM, described()]), st.sampled_from(["", "an old man and the sea"]))
def test_the_prompts_of_one_set_differ(seed: int, music: agents_pb2.MusicDescription, text: str) -> None:
    prompts = texts(IMAGINATION.imagine(music, text, 8, seed))
    assert len(set(prompts)) == 8


@given(SEEDS)
def test_the_pictures_of_one_set_show_different_places(seed: int) -> None:
    scenes = [prompt.attributes.scene for prompt in IMAGINATION.imagine(SAD, "", 8, seed)]
    assert len(set(scenes)) == 8


@given(SEEDS)
def test_fewer_prompts_are_the_first_of_more(seed: int) -> None:
    assert IMAGINATION.imagine(CALM, "", 3, seed) == IMAGINATION.imagine(CALM, "", 8, seed)[:3]


@given(SEEDS)
def test_different_songs_give_different_prompts_with_one_seed(seed: int) -> None:
    songs = [HAPPY, ANGRY, SAD, CALM]
    assert len({IMAGINATION.imagine(song, "", 1, seed)[0].text for song in songs}) == 4


def test_songs_of_the_same_feeling_still_differ() -> None:
    here, there = described(0.3, 0.3, tempo=120, key="G major"), described(0.3, 0.3, tempo=121, key="G major")
    same = sum(IMAGINATION.imagine(here, "", 1, s) == IMAGINATION.imagine(there, "", 1, s) for s in range(50))
    assert same < 3


def test_seeds_vary_the_prompt() -> None:
    assert len({IMAGINATION.imagine(HAPPY, "", 1, seed)[0].text for seed in range(50)}) > 45


@pytest.mark.parametrize(
    ("music", "never"),
    [
        (HAPPY, ["gloomy", "sad", "grey", "dark red", "at night", "rain"]),
        (SAD, ["joyful", "rainbow", "neon", "bright sunlight", "surging", "raging"]),
        (ANGRY, ["serene", "peaceful", "pastel", "resting", "rose and pink"]),
        (CALM, ["furious", "storm", "raging", "dark red", "neon"]),
    ],
)
def test_the_opposite_feeling_is_never_asked_for(music: agents_pb2.MusicDescription, never: list[str]) -> None:
    for seed in range(200):
        (prompt,) = IMAGINATION.imagine(music, "", 1, seed)
        assert not [word for word in never if word in prompt.text.replace("rainbow", "") or word == prompt.text], prompt


def test_what_is_to_be_avoided_is_the_opposite_feeling() -> None:
    assert "desolate" in IMAGINATION.imagine(HAPPY, "", 1, 1)[0].negative_text
    assert "exuberant" in IMAGINATION.imagine(SAD, "", 1, 1)[0].negative_text
    assert IMAGINATION.imagine(SAD, "an exuberant party", 1, 1)[0].negative_text == ""
    assert IMAGINATION.imagine(described(0.15, 0.05), "", 1, 1)[0].negative_text == ""


WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12), min_size=1, max_size=20)


@given(WORDS.map(" ".join), SEEDS)
def test_a_persons_words_come_first_and_whole(text: str, seed: int) -> None:
    (prompt,) = IMAGINATION.imagine(SAD, text, 1, seed)
    assert prompt.text.startswith(text)
    assert len(prompt.text) > len(text)


@pytest.mark.parametrize("seed", range(20))
def test_what_a_person_names_is_not_contradicted(seed: int) -> None:
    (prompt,) = IMAGINATION.imagine(SAD, "A castle by the sea at sunrise, oil painting.", 1, seed)
    told = prompt.attributes
    assert (told.scene, told.subject, told.time_of_day, told.style) == ("sea", "a castle", "at dawn", "oil painting")
    assert "at night" not in prompt.text
    assert "watercolor" not in prompt.text
    assert prompt.text.startswith("A castle by the sea at sunrise, oil painting, ")


def test_music_colours_the_same_words_differently() -> None:
    prompts = {IMAGINATION.imagine(song, "a dancer", 1, 5)[0].text for song in (HAPPY, ANGRY, SAD, CALM)}
    assert len(prompts) == 4


def test_without_music_the_words_stand_alone() -> None:
    assert texts(IMAGINATION.imagine(None, "  a  dancer ", 2, 5)) == ["a dancer", "a dancer"]


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


@pytest.mark.parametrize("count", [0, 9, 100])
def test_a_count_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        IMAGINATION.imagine(HAPPY, "", count, 1)
    assert (caught.value.field, caught.value.limit) == ("count", "1..8")


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="1001 characters") as caught:
        IMAGINATION.imagine(HAPPY, "x" * 1001, 1, 1)
    assert caught.value.field == "text"


def test_neither_music_nor_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="neither"):
        IMAGINATION.imagine(None, "  ", 1, 1)


def test_silence_is_imagined_as_stillness() -> None:
    music = described(duration=5)
    music.silent = True
    for prompt in IMAGINATION.imagine(music, "", 8, 3):
        assert prompt.attributes.verb == "everything resting"
        assert prompt.attributes.subject == ""
