from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.server.media.sniffing import AUDIO_TYPES, IMAGE_TYPES, VIDEO_TYPES, sniff
from tests.fixtures.media import FORMATS, encode, happy_song

TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "vorbis": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_audio_format_is_told_from_its_first_bytes(kind: str) -> None:
    assert sniff(encode(happy_song(0.5), kind)[:64]) == TYPES[kind]


def test_an_mp3_without_a_tag_is_told_from_its_frame_header() -> None:
    data = encode(happy_song(0.5), "mp3")
    tag = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
    assert sniff(data[tag : tag + 64]) == "audio/mpeg"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff",
        b"PK\x03\x04zip",
        b"<!DOCTYPE html>",
        b"MZ\x90\x00",
        b"\x7fELF",
        b"%PDF-1.7",
        b"GIF89a",
        b"RIFF\0\0\0\0AVI ",
        b"\xff\xfe\x00\x00text",
        b"\xff\xf1\x50\x80aac in adts",
        b"#EXTM3U\nhttp://example.org",
    ],
)
def test_what_is_not_read_is_not_named(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=64))
def test_any_bytes_give_a_known_type_or_none(head: bytes) -> None:
    assert sniff(head) in {None, *AUDIO_TYPES, *IMAGE_TYPES, *VIDEO_TYPES}
