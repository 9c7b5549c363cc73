"""What a description says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.chain import lexicon, read


def names(text: str) -> set[str]:
    return {sighting.sight.name for sighting in read(text).sightings}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two dogs are running through the snow .", {"dog", "running", "winter"}),
        ("Children splashed in the pools.", {"child", "playing", "spring"}),
        ("butterflies", {"butterfly"}),
        ("A ride on a Roller Coaster!", {"fair", "travelling"}),
    ],
)
def test_words_are_found_in_any_form(text: str, expected: set[str]) -> None:
    assert expected <= names(text)


def test_a_negated_word_does_not_count() -> None:
    assert "child" not in names("a meadow without children")


def test_feelings_outweigh_the_scenery() -> None:
    assert read("a sunny garden").emotion.valence > 0.4
    assert read("a man weeping in despair in a sunny garden").emotion.valence < 0.0


def test_a_storm_moves_more_than_a_sleeping_cat() -> None:
    storm, cat = read("a raging storm at sea"), read("a cat sleeping in a quiet room")
    assert storm.emotion.arousal > 0.4 > -0.4 > cat.emotion.arousal
    assert storm.motion > cat.motion


@pytest.mark.parametrize("text", ["", "   ", "☂☂☂", "Привет, мир", "\x00\x07"])
def test_what_is_not_understood_is_neutral(text: str) -> None:
    impression = read(text)
    assert impression.sightings == ()
    assert (impression.emotion.valence, impression.emotion.arousal, impression.motion) == (0.0, 0.0, 0.0)


@given(st.text(max_size=6000))
def test_any_text_is_read(text: str) -> None:
    impression = read(text)
    assert len(impression.sightings) <= 10
    assert all(0.0 < sighting.weight <= 1.0 for sighting in impression.sightings)


@given(st.lists(st.sampled_from([sight.words[0] for sight in lexicon().all_sights()]), max_size=40))
def test_any_crowd_of_words_has_an_emotion_in_range(words: list[str]) -> None:
    impression = read(" ".join(words))
    assert -1.0 <= impression.motion <= 1.0
    assert -1.0 <= impression.emotion.valence <= 1.0


def test_every_word_of_the_lexicon_means_something() -> None:
    for sight in lexicon().all_sights():
        for word in sight.words:
            assert sight.name in names(word), (sight.name, word)
