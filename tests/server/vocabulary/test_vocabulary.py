"""The vocabulary and its grammar."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from luce.server.vocabulary import Attributes, compose_prompt, harmonize, misfits, vocabulary

WORDS = vocabulary()


def names(kind: str) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(WORDS.entries(kind)))


wishes = st.builds(
    Attributes,
    scene=names("scene"),
    time=names("time"),
    weather=names("weather"),
    light=names("light"),
    style=names("style"),
    palette=names("palette"),
    composition=names("composition"),
    motion=names("motion"),
    subject=st.none() | names("subject"),
    moods=st.lists(names("mood"), min_size=1, max_size=3).map(tuple),
    valence=st.floats(-1, 1),
    arousal=st.floats(-1, 1),
)


def test_every_entry_can_be_told_apart_by_its_words() -> None:
    for kind in WORDS.kinds:
        phrases = [phrase for entry in WORDS.entries(kind).values() for phrase in entry.phrases]
        assert len(phrases) == len(set(phrases))


def test_every_palette_but_the_natural_one_runs_from_dark_to_light_in_five_colours() -> None:
    for palette in WORDS.entries("palette").values():
        if palette.name == "natural":
            assert palette.colours == ()
            continue
        assert len(palette.colours) == 5
        first, last = (int(palette.colours[place][1:3], 16) for place in (0, -1))
        assert first < last


@given(wishes)
def test_a_harmonized_wish_has_no_misfits_and_keeps_what_is_free(wish: Attributes) -> None:
    settled = harmonize(wish)
    assert misfits(settled) == []
    assert (settled.scene, settled.time, settled.weather) == (wish.scene, wish.time, wish.weather)
    assert harmonize(settled) == settled


@given(wishes, st.integers(0, 2**32))
def test_a_full_prompt_says_every_attribute_and_the_same_seed_the_same_words(wish: Attributes, seed: int) -> None:
    prompt = compose_prompt(wish, random.Random(seed))
    assert prompt == compose_prompt(wish, random.Random(seed))
    for entry in wish.chosen():
        assert any(phrase in prompt for phrase in entry.phrases)


@given(wishes, st.integers(0, 2**32))
def test_a_prompt_that_keeps_nothing_is_its_scene(wish: Attributes, seed: int) -> None:
    assert compose_prompt(wish, random.Random(seed), keep=0.0) in WORDS.entry("scene", wish.scene).phrases


@given(wishes, st.integers(0, 2**32))
def test_a_prompt_fits_the_64_word_pieces_that_the_picture_model_reads(wish: Attributes, seed: int) -> None:
    tokenizer = Tokenizer.from_file(str(Path("model_repository/text_encoder/1/tokenizer.json")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    assert len(tokenizer.encode(compose_prompt(wish, random.Random(seed))).ids) <= 64


def test_the_nearest_mood_to_a_calm_and_pleasant_emotion_is_serene() -> None:
    assert WORDS.nearest("mood", 0.65, -0.65)[0].name == "serene"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"scene: unknown 'moon'; one of mountain, sea"):
        Attributes(scene="moon")


@pytest.mark.parametrize(("field", "value"), [("valence", 1.5), ("arousal", -2.0)])
def test_an_emotion_outside_the_square_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Attributes(scene="sea", **{field: value})  # type: ignore[arg-type]
