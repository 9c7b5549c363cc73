"""What may be asked of written music."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.server.music.limits import AskedKey, check_options, check_story, parse_key
from luce.v1 import emotion_pb2, mapping_pb2


@pytest.mark.parametrize(
    ("text", "tonic", "minor"),
    [
        ("C major", 0, False),
        ("a minor", 9, True),
        ("F# minor", 6, True),
        ("Bbm", 10, True),
        ("E flat major", 3, False),
        ("Cb", 11, False),
        ("g♯ min", 8, True),
        (" D ", 2, False),
        ("CM", 0, False),
        ("Cm", 0, True),
    ],
)
def test_keys_are_read_as_people_write_them(text: str, tonic: int, minor: bool) -> None:
    assert parse_key(text) == AskedKey(tonic, minor)


@pytest.mark.parametrize("text", ["", "H major", "C majorr", "12", "C major minor", "A" * 500])
def test_what_is_no_key_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidArgument, match="no key") as caught:
        parse_key(text)
    assert (caught.value.field, "C major" in caught.value.limit) == ("key", True)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("seconds", mapping_pb2.MusicOptions(seconds=4.9)),
        ("seconds", mapping_pb2.MusicOptions(seconds=float("nan"))),
        ("seconds", mapping_pb2.MusicOptions(seconds=181)),
        ("n", mapping_pb2.MusicOptions(n=0)),
        ("candidates", mapping_pb2.MusicOptions(candidates=13)),
        ("tempo_bpm", mapping_pb2.MusicOptions(tempo_bpm=500)),
        ("instruments", mapping_pb2.MusicOptions(instruments=["piano"] * 9)),
        ("instruments", mapping_pb2.MusicOptions(instruments=[""])),
        ("instruments", mapping_pb2.MusicOptions(instruments=["x" * 41])),
        ("time_signature", mapping_pb2.MusicOptions(time_signature="7/13")),
        ("audio_format", mapping_pb2.MusicOptions(audio_format="exe")),
        ("key", mapping_pb2.MusicOptions(key="H")),
        ("emotion.arousal", mapping_pb2.MusicOptions(emotion=emotion_pb2.Emotion(arousal=1.5))),
        ("emotion.valence", mapping_pb2.MusicOptions(emotion=emotion_pb2.Emotion(valence=float("inf")))),
    ],
)
def test_a_field_out_of_range_is_named_with_its_range(field: str, options: mapping_pb2.MusicOptions) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_options(options)
    assert caught.value.field == field
    assert caught.value.limit


def test_nothing_asked_for_is_fine_and_so_is_everything_in_range() -> None:
    check_options(mapping_pb2.MusicOptions())
    everything = mapping_pb2.MusicOptions(
        seconds=30, seed=2**64 - 1, n=4, candidates=8, instruments=["piano", "violin"], key="F# minor"
    )
    everything.time_signature, everything.tempo_bpm, everything.audio_format = "3/4", 90, "ogg"
    everything.emotion.valence = -1
    check_options(everything)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        ("a" * 1_000_000, "1000000 characters"),
        ("😀🎉🔥", "no words"),
        ("... !?", "no words"),
        ("a\x00b", "control characters"),
        ("\x1b[31mred", "control characters"),
    ],
)
def test_a_text_without_anything_to_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as caught:
        check_story(text)
    assert caught.value.field == "text"


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    has_words = any(character.isalpha() for character in text)
    with contextlib.suppress(InvalidArgument):
        check_story(text)
        assert has_words


def test_other_scripts_hold_words_too() -> None:
    check_story("海辺の静かな朝")
    check_story("Тихое утро 🌅")
