from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.emotion import Emotion
from luce.server.inference import InferenceClient, TextEmbedder, TextFeeler
from services.mapping.reading import MOMENT_S, PASSAGE_WORDS, TextReader, course_of, is_english, passages


@given(st.text(alphabet=st.characters(categories=("L", "P", "Zs", "Cc")), min_size=1, max_size=3000))
def test_passages_are_short_and_keep_every_word_in_order(text: str) -> None:
    parts = passages(text)
    assert all(len(part.split()) <= PASSAGE_WORDS for part in parts)
    if text.split():
        assert " ".join(parts).split() == text.split()


def test_passages_end_with_sentences_where_they_can() -> None:
    text = "One two three. " * 60
    assert all(part.endswith("three.") for part in passages(text))
    assert len(passages("word " * 300)) == 3


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("The harbour slept under snow, and the sea said nothing to the old man.", True),
        ("snow", True),
        ("Der Hafen schlief unter dem Schnee und das Meer sagte nichts zu dem alten Mann.", False),
        ("Le port dormait sous la neige, et la mer ne disait rien au vieil homme.", False),
        ("海辺の静かな朝", False),
        ("Тихое утро у моря", False),
    ],
)
def test_english_is_told_from_other_languages(text: str, english: bool) -> None:
    assert is_english(text) is english


@given(st.lists(st.floats(1, 500), min_size=1, max_size=20), st.floats(5, 180))
def test_a_course_covers_the_whole_in_stretches_that_are_long_enough(lengths: list[float], seconds: float) -> None:
    emotions = [Emotion(index % 3 - 1.0, 0.5) for index in range(len(lengths))]
    course = course_of(emotions, np.array(lengths, np.float32), seconds)
    assert sum(share for share, _ in course) == pytest.approx(1.0, abs=1e-5)
    assert len(course) == 1 or all(share * seconds >= MOMENT_S - 1e-3 for share, _ in course)


async def test_the_music_of_a_story_has_its_course(inference: InferenceClient) -> None:
    reader = TextReader(TextEmbedder(inference), TextFeeler(inference), 60.0)
    happy = "They danced and laughed all through the bright and joyful morning, happy to be together again. "
    grave = "Then she died, and he wept alone at the cold grave in hopeless grief and misery. "
    story = happy * 2 + grave * 2
    reading = await reader.read(story, seconds=40.0)
    assert len(reading.course) >= 2
    assert reading.course[0][1].valence > reading.course[-1][1].valence
    assert len((await reader.read(story, seconds=10.0)).course) == 1
    asked = Emotion(0.5, 0.5)
    assert (await reader.read(story, asked, seconds=40.0)).course == ((1.0, asked),)


async def test_a_text_is_read_as_a_feeling_and_a_vector(inference: InferenceClient) -> None:
    reader = TextReader(TextEmbedder(inference), TextFeeler(inference), 60.0)
    happy = await reader.read("A joyful wedding party dances in the sunshine.")
    sad = await reader.read("A lonely widow weeps at the grave in the cold rain.")
    assert happy.impression.emotion.valence > sad.impression.emotion.valence
    assert np.linalg.norm(happy.embedding) == pytest.approx(1.0, abs=1e-5)
    assert float(happy.embedding @ sad.embedding) < 0.9
    assert not happy.notes
    asked = await reader.read("A joyful wedding.", Emotion(-0.5, 0.25))
    assert asked.impression.emotion == Emotion(-0.5, 0.25)


async def test_a_long_text_is_read_to_its_end(inference: InferenceClient) -> None:
    reader = TextReader(TextEmbedder(inference), TextFeeler(inference), 60.0)
    beginning = "The sea was calm and blue that day. " * 60
    calm = await reader.read(beginning)
    ended = await reader.read(beginning + "Then the war came and burned the city. " * 60)
    assert float(calm.embedding @ ended.embedding) < 0.95
