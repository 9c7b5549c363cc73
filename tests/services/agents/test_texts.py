"""The words of a description: true, of the length asked for, and nothing made up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from luce.server.inference import TextEmbedderSettings
from luce.server.music.tags import tags
from luce.v1 import agents_pb2
from services.agents.descriptors import descriptors_of
from services.agents.grounding import Ground, named
from services.agents.tagging import doubt, is_music, tell_tags
from services.agents.texts import LENGTHS, Facts, aesthetic, caption_of, caption_of_window, structural
from services.agents.texts.facts import Texture
from services.agents.texts.lengths import Variants
from tests.services.agents.music import SAD, described

WRITERS: tuple[Callable[[Facts], Variants], ...] = (
    aesthetic.instruments,
    aesthetic.style,
    aesthetic.mood,
    structural.key,
    structural.time_signature,
    structural.tempo,
)
TOKENIZER = Tokenizer.from_file(str(TextEmbedderSettings().tokenizer))
TOKENIZER.no_padding()


def known(music: agents_pb2.MusicDescription) -> Facts:
    """Facts of a description of which everything is known."""
    music.key_confidence, music.tempo_confidence, music.time_signature_confidence = 0.9, 0.8, 0.7
    music.time_signature = "3/4"
    music.key_alternatives.extend(["E minor", "C major"])
    music.tempo_alternatives.append(2 * music.tempo_bpm)
    music.beat_times.extend(np.arange(30) * 60 / max(music.tempo_bpm, 1))
    for second in range(20):
        point = music.curve.points.add(start_s=second, duration_s=5, valence_uncertainty=0.2, arousal_uncertainty=0.2)
        point.emotion.valence, point.emotion.arousal = music.emotion.valence, music.emotion.arousal + 0.02 * second
    for dimension, name in (("instruments", "piano"), ("instruments", "strings"), ("styles", "classical")):
        music.tags.add(dimension=dimension, name=name, confidence=0.8)
    music.descriptors.extend(descriptors_of(music))
    texture = Texture(notes_a_second=4.0, voices=2.4, register="middle", legato=-0.3)
    return Facts(music, texture, (("strings", 40.0),), ("piano", "strings"), ("classical",))


def unknown() -> Facts:
    music = described(tempo=0)
    music.descriptors.extend(descriptors_of(music))
    return Facts(music, None, (), (), ())


def tokens(text: str) -> int:
    return len(TOKENIZER.encode(text, add_special_tokens=False).ids)


def copied(music: agents_pb2.MusicDescription) -> agents_pb2.MusicDescription:
    copy = agents_pb2.MusicDescription()
    copy.CopyFrom(music)
    return copy


@pytest.mark.parametrize("writer", WRITERS)
def test_texts_come_in_three_lengths_of_about_so_many_tokens(writer: Callable[[Facts], Variants]) -> None:
    variants = writer(known(copied(SAD)))
    assert len({short for short, _, _ in variants}) == 3
    for variant in variants:
        counts = [tokens(text) for text in variant]
        assert counts == sorted(counts)
        for count, length in zip(counts, LENGTHS, strict=True):
            assert count <= 1.35 * length
        assert counts[2] >= 45


def test_what_is_known_is_said_and_what_is_not_is_not() -> None:
    facts = known(copied(SAD))
    told = {writer.__name__: writer(facts)[0] for writer in WRITERS}
    assert told["instruments"][0].startswith("A piano and a string section are heard.")
    assert "0:40" in told["instruments"][1]
    assert "classical music" in told["style"][0]
    assert "A minor" in told["key"][0]
    assert "E minor or C major" in told["key"][2]
    assert "three beats" in told["time_signature"][0]
    assert "58" in told["tempo"][0]
    assert "116" in told["tempo"][2]
    for writer in WRITERS[:2] + WRITERS[3:]:
        for variant in writer(unknown()):
            assert any(word in variant[0].lower() for word in ("no ", "not ", "unknown", "open"))


@given(valence=st.floats(-1, 1), arousal=st.floats(-1, 1), tempo=st.floats(0, 240), loudness=st.floats(-70, 0))
def test_every_description_has_texts_that_are_sentences(
    valence: float, arousal: float, tempo: float, loudness: float
) -> None:
    music = described(valence, arousal, tempo=tempo, loudness=loudness, key="C major")
    facts = Facts(music, None, (), (), ())
    for writer in WRITERS:
        for variant in writer(facts):
            for text in variant:
                assert text[0].isupper()
                assert text.endswith(".")
                assert "  " not in text
    assert caption_of(facts).startswith(("A ", "An "))


def probabilities(**heard: float) -> np.ndarray:
    row = np.full(len(tags().entries), 0.01, np.float32)
    for name, value in heard.items():
        row[tags().index(name)] = value
    return row


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("A calm piece for piano.", True),
        ("A piano with drums.", False),
        ("Strings and a piano. There are no drums.", True),
        ("A piano plays. There is no piano.", False),
        ("It features a piano, an acoustic piano and strings.", False),
        ("It is rock music.", False),
        ("A slow, sad piece for piano.", True),
        ("A fast piece for piano.", False),
        ("A medium-paced piece for piano.", False),
        ("A cheerful piece for piano.", False),
        ("A piano. It would suit a happy scene of a film.", True),
        ("A piano piece. It is instrumental.", True),
        ("It is folk music.", False),
    ],
)
def test_a_caption_holds_where_all_that_it_claims_was_heard(text: str, holds: bool) -> None:
    row = probabilities(music=0.9, piano=0.9, strings=0.6, classical=0.8)
    assert Ground(row, 60.0, (-0.5, -0.6)).holds(text) is holds


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("an electric piano and a bass.", {"electric piano", "bass"}),
        ("mallet percussion, a vibraphone.", {"mallets"}),
        ("a woman sings over acoustic guitars.", {"singing", "acoustic guitar"}),
        ("a fast baroque piece on a harpsichord alone.", {"fast", "baroque", "harpsichord"}),
    ],
)
def test_labels_are_found_in_a_sentence(text: str, names: set[str]) -> None:
    assert named(text) == names


def test_a_window_is_told_by_what_was_heard_in_it() -> None:
    assert caption_of_window(probabilities(piano=0.9, strings=0.8, classical=0.7)) == (
        "A piano and a string section are heard: classical music."
    )
    assert caption_of_window(probabilities()).endswith("could not be told.")


def test_what_is_no_music_has_no_key_no_beat_and_no_instruments() -> None:
    row = probabilities(speech=0.9, music=0.2, piano=0.9)
    assert not is_music(row)
    music = measured_for_sure()
    tell_tags(music, row)
    doubt(music, row)
    assert [(tag.dimension, tag.name) for tag in music.tags] == [("sound", "speech")]
    assert (music.key, music.tempo_bpm, music.time_signature) == ("", 0, "")
    assert music.key_confidence == pytest.approx(0.36)


def test_music_keeps_what_was_measured_and_so_does_clear_music_that_is_half_believed() -> None:
    for likely in (0.8, 0.4):
        music = measured_for_sure()
        doubt(music, probabilities(music=likely, speech=0.3))
        assert (music.key, music.tempo_bpm, music.time_signature) == ("A minor", 58, "3/4")


def measured_for_sure() -> agents_pb2.MusicDescription:
    music = copied(SAD)
    music.time_signature = "3/4"
    music.key_confidence = music.tempo_confidence = music.time_signature_confidence = 0.9
    return music
