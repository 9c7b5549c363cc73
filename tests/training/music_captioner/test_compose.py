"""Composed captions say what is known and nothing else, in whole sentences within the limit."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.music.captions import LENGTHS, TOPICS
from luce.server.music.tags import tags
from training.music_captioner import wording
from training.music_captioner.compose import claims, compose, count_words
from training.music_captioner.mentions import mentioned

VALUES = st.fixed_dictionaries(
    {tag.name: st.sampled_from([0.0, 0.0, 0.0, 1.0, float("nan")]) for tag in tags().entries}
)


@given(VALUES, st.sampled_from(TOPICS), st.sampled_from(LENGTHS), st.integers(0, 10**6), st.booleans())
def test_a_caption_names_only_what_is_known_and_keeps_to_its_limit(
    values: dict[str, float], topic: str, limit: int, seed: int, complete: bool
) -> None:
    known = claims(values | {"music": 1.0}, complete=complete)
    text = compose(known, topic, limit, random.Random(seed))
    assert count_words(text) <= max(limit, 28)
    assert text[0].isupper()
    assert text.endswith(".")
    assert mentioned(text) <= {*known.instruments, *known.styles, *known.moods, known.tempo} | (
        {"singing"} if known.singing else set()
    )


@pytest.mark.parametrize("kind", sorted(wording.OTHER))
def test_what_is_not_music_is_said_to_be_none(kind: str) -> None:
    known = claims({"music": 0.0, kind: 1.0}, complete=True)
    for seed in range(20):
        assert mentioned(compose(known, "whole", 50, random.Random(seed))) == {kind}


def test_every_label_has_words_and_its_words_are_recognised() -> None:
    for name in (tags().names[column] for column in tags().columns("instruments")):
        known = claims({name: 1.0, "music": 1.0}, complete=True)
        for seed in range(12):
            assert name in mentioned(compose(known, "instruments", 50, random.Random(seed)))
    for dimension, topic in (("styles", "style"), ("moods", "mood")):
        for name in (tags().names[column] for column in tags().columns(dimension)):
            known = claims({name: 1.0, "music": 1.0}, complete=True)
            for seed in range(12):
                assert name in mentioned(compose(known, topic, 50, random.Random(seed)))


def test_a_seed_gives_one_caption_and_seeds_give_many() -> None:
    known = claims({"piano": 1.0, "sad": 1.0, "music": 1.0, "drums": 0.0}, complete=True)
    assert compose(known, "whole", 50, random.Random(1)) == compose(known, "whole", 50, random.Random(1))
    assert len({compose(known, "whole", 50, random.Random(seed)) for seed in range(200)}) > 100
