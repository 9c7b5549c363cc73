from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.vocabulary import vocabulary
from luce.v1 import agents_pb2
from services.agents.descriptors import descriptors_of
from services.agents.moods import moods_of, stretched, uncertainty_of
from tests.services.agents.music import HAPPY, described

UNIT = st.floats(-1.0, 1.0)
DIMENSIONS = list(range(agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS, agents_pb2.DESCRIPTOR_DIMENSION_MOOD + 1))


def sure(music: agents_pb2.MusicDescription, *spreads: float) -> agents_pb2.MusicDescription:
    told = agents_pb2.MusicDescription()
    told.CopyFrom(music)
    for spread in spreads:
        told.curve.points.add(duration_s=5, valence_uncertainty=spread, arousal_uncertainty=spread)
    return told


def by_dimension(music: agents_pb2.MusicDescription) -> dict[int, agents_pb2.Descriptor]:
    return {descriptor.dimension: descriptor for descriptor in descriptors_of(music)}


def test_what_is_measured_is_told_with_its_alternatives_and_its_source() -> None:
    music = sure(HAPPY, 0.1)
    music.key_confidence, music.tempo_confidence, music.time_signature_confidence = 0.9, 0.75, 0.6
    music.key_alternatives.append("E minor")
    music.tempo_alternatives.append(75.2)
    music.time_signature = "3/4"
    told = by_dimension(music)
    key, tempo = told[agents_pb2.DESCRIPTOR_DIMENSION_KEY], told[agents_pb2.DESCRIPTOR_DIMENSION_TEMPO]
    assert list(key.values) == ["G major", "E minor"]
    assert key.confidence == pytest.approx(0.9)
    assert key.source == agents_pb2.DESCRIPTOR_SOURCE_SIGNAL
    assert list(tempo.values) == ["150 bpm", "75 bpm"]
    assert tempo.confidence == pytest.approx(0.75)
    assert list(told[agents_pb2.DESCRIPTOR_DIMENSION_TIME_SIGNATURE].values) == ["3/4"]
    mood = told[agents_pb2.DESCRIPTOR_DIMENSION_MOOD]
    assert mood.values[0] == "exuberant"
    assert mood.source == agents_pb2.DESCRIPTOR_SOURCE_MODEL


def heard(music: agents_pb2.MusicDescription, *tags: tuple[str, str, float]) -> agents_pb2.MusicDescription:
    for dimension, name, confidence in tags:
        music.tags.add(dimension=dimension, name=name, confidence=confidence)
    return music


def test_instruments_and_style_that_nobody_heard_are_unknown() -> None:
    told = by_dimension(sure(HAPPY, 0.1))
    for dimension in (agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS, agents_pb2.DESCRIPTOR_DIMENSION_STYLE):
        assert told[dimension] == agents_pb2.Descriptor(dimension=dimension)


def test_instruments_and_style_are_those_that_were_heard_the_likeliest_first() -> None:
    music = heard(
        sure(HAPPY, 0.1),
        ("instruments", "piano", 0.7),
        ("instruments", "flute", 0.6),
        ("voice", "singing", 0.9),
        ("styles", "folk", 0.8),
    )
    told = by_dimension(music)
    instruments = told[agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS]
    assert list(instruments.values) == ["singing", "piano", "flute"]
    assert instruments.confidence == pytest.approx(0.9)
    assert instruments.source == agents_pb2.DESCRIPTOR_SOURCE_MODEL
    assert list(told[agents_pb2.DESCRIPTOR_DIMENSION_STYLE].values) == ["folk"]


def test_what_a_file_tells_of_its_instruments_is_told_as_measured() -> None:
    instruments, style, *_ = descriptors_of(sure(HAPPY, 0.1), (("piano", "flute"), ("chamber",)))
    assert (list(instruments.values), instruments.confidence) == (["piano", "flute"], 1.0)
    assert instruments.source == style.source == agents_pb2.DESCRIPTOR_SOURCE_SIGNAL


def test_a_mood_that_is_heard_too_is_surer_and_one_that_is_heard_elsewhere_less_sure() -> None:
    mood = agents_pb2.DESCRIPTOR_DIMENSION_MOOD
    plain = by_dimension(sure(HAPPY, 0.3))[mood]
    agreed = by_dimension(heard(sure(HAPPY, 0.3), ("moods", "joyful", 0.8)))[mood]
    disputed = by_dimension(heard(sure(HAPPY, 0.3), ("moods", "sad", 0.8)))[mood]
    assert agreed.confidence > plain.confidence > disputed.confidence
    assert "joyful" in agreed.values
    assert list(disputed.values) == list(plain.values)


def test_silence_has_no_descriptor_that_is_known() -> None:
    music = described(key="A minor", tempo=90)
    music.silent = True
    assert [list(descriptor.values) for descriptor in descriptors_of(music)] == [[]] * 6


def test_the_mood_is_surer_the_smaller_the_uncertainty() -> None:
    mood = agents_pb2.DESCRIPTOR_DIMENSION_MOOD
    confidences = [by_dimension(sure(HAPPY, spread))[mood].confidence for spread in (0.05, 0.2, 0.6)]
    assert confidences[0] > 0.99
    assert confidences[0] > confidences[1] > confidences[2] > 0
    assert by_dimension(HAPPY)[mood].confidence == 0


def test_the_uncertainty_of_the_whole_is_the_mean_over_its_windows() -> None:
    assert uncertainty_of(sure(HAPPY, 0.1, 0.3)) == pytest.approx((0.2, 0.2))
    assert uncertainty_of(HAPPY) == (0.0, 0.0)


@given(valence=UNIT, arousal=UNIT, count=st.integers(1, 5))
def test_moods_are_words_of_the_vocabulary_or_neutral(valence: float, arousal: float, count: int) -> None:
    words = moods_of(valence, arousal, count)
    known = {entry.phrases[0] for entry in vocabulary().entries("mood").values()} | {"neutral"}
    assert 1 <= len(words) <= count
    assert set(words) <= known
    assert len(set(words)) == len(words)
    assert (words == ["neutral"]) == (max(map(abs, stretched(valence, arousal))) < 0.12)


@given(valence=UNIT, arousal=UNIT, tempo=st.floats(0, 300), key=st.sampled_from(["", "C major"]), silent=st.booleans())
def test_every_dimension_is_there_once_and_in_order(
    valence: float, arousal: float, tempo: float, key: str, silent: bool
) -> None:
    music = sure(described(valence, arousal, tempo=tempo, key=key), 0.2)
    music.silent = silent
    told = descriptors_of(music)
    assert [descriptor.dimension for descriptor in told] == DIMENSIONS
    for descriptor in told:
        assert 0 <= descriptor.confidence <= 1
        assert bool(descriptor.values) == (descriptor.source != agents_pb2.DESCRIPTOR_SOURCE_UNSPECIFIED)
