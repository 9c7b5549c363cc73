"""What is no music is told as what it is, through the real models: no key, no beat, no instruments, no melody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.media import MediaDecoder
from luce.v1 import agents_pb2
from services.agents.captioning import Captioner
from services.agents.filtering import HybridFilter
from services.agents.hearing import Hearing
from services.agents.listening import Listener
from services.agents.reading import Reader
from services.agents.tagging import told
from services.agents.verbalising import Teller
from tests.fixtures.media import RATE, click, encode, happy_song, silence, speech_like_noise, wav_bytes
from tests.fixtures.midi import midi_song

D = agents_pb2.DescriptorDimension


@pytest.fixture
async def hearing(decoder: MediaDecoder, inference: InferenceClient) -> AsyncIterator[Hearing]:
    listener = Listener(inference)
    teller = Teller(HybridFilter(TextEmbedder(inference)))
    yield Hearing(decoder, listener, Reader(inference), Captioner(inference), teller, 0.2)
    listener.close()


def noise(seconds: float = 6.0) -> NDArray[np.float32]:
    return (0.2 * np.random.default_rng(1).standard_normal(int(seconds * RATE))).astype(np.float32)


def sine(seconds: float = 6.0) -> NDArray[np.float32]:
    return (0.4 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def values(music: agents_pb2.MusicDescription, dimension: D.ValueType) -> list[str]:
    (found,) = [descriptor for descriptor in music.descriptors if descriptor.dimension == dimension]
    return list(found.values)


@pytest.mark.parametrize(
    ("samples", "sounds"),
    [
        (noise(), {"noise"}),
        (sine(), {"tone"}),
        (click(), {"click", "noise", "silence"}),
        (speech_like_noise(), {"speech", "noise", "click"}),
    ],
    ids=["noise", "sine", "click", "syllables"],
)
async def test_what_is_no_music_is_told_as_such(
    hearing: Hearing, samples: NDArray[np.float32], sounds: set[str]
) -> None:
    music = (await hearing.describe(wav_bytes(samples))).music
    assert (music.key, music.tempo_bpm, music.time_signature) == ("", 0, "")
    assert music.key_confidence < 0.5
    assert not values(music, D.DESCRIPTOR_DIMENSION_INSTRUMENTS)
    assert not values(music, D.DESCRIPTOR_DIMENSION_STYLE)
    assert told(music, "sound")[0].name in sounds
    assert not music.caption
    assert {part.caption for part in music.parts} == {""}
    assert "no music" in music.summary
    texts = " ".join(descriptor.text_long for descriptor in music.descriptors)
    assert "No key" in texts or "no clear key" in texts or "no key" in texts


async def test_silence_is_silence(hearing: Hearing) -> None:
    music = (await hearing.describe(wav_bytes(silence(4.0)))).music
    assert music.silent
    assert not music.caption
    assert not any(descriptor.values for descriptor in music.descriptors)
    assert music.emotion.arousal == -1


async def test_a_song_is_told_with_words_for_every_part_and_dimension(hearing: Hearing) -> None:
    data = encode(happy_song(23.0), "mp3")
    found = await hearing.describe(data)
    music = found.music
    assert music.caption.endswith(".")
    assert [round(part.start_s) for part in music.parts] == [0, 10, 13]
    assert music.parts[-1].start_s + music.parts[-1].duration_s == pytest.approx(music.duration_s, abs=0.05)
    assert all(descriptor.text_short and descriptor.text_long for descriptor in music.descriptors)
    measured = {D.DESCRIPTOR_DIMENSION_KEY, D.DESCRIPTOR_DIMENSION_TEMPO, D.DESCRIPTOR_DIMENSION_TIME_SIGNATURE}
    for descriptor in music.descriptors:
        if descriptor.dimension in measured:
            assert descriptor.text_source == agents_pb2.DESCRIPTOR_SOURCE_SIGNAL
    assert {"note_transcriber", "audio_encoder", "music_captioner", "music_emotion"} == set(found.models)
    assert (await hearing.describe(data)).music == music


async def test_a_brief_description_has_no_words(hearing: Hearing) -> None:
    found = await hearing.describe(encode(happy_song(6.0), "mp3"), brief=True)
    assert set(found.models) == {"note_transcriber", "music_emotion"}
    assert not found.music.caption
    assert not found.music.tags
    assert found.music.curve.points


async def test_written_music_is_told_by_its_file(hearing: Hearing) -> None:
    found = await hearing.describe(midi_song(bpm=100.0, beats_per_bar=3))
    music = found.music
    assert values(music, D.DESCRIPTOR_DIMENSION_INSTRUMENTS) == ["piano"]
    assert values(music, D.DESCRIPTOR_DIMENSION_STYLE) == ["solo piano"]
    assert "piano" in music.caption
    assert music.caption_source == agents_pb2.DESCRIPTOR_SOURCE_SIGNAL
    assert music.descriptors[0].source == agents_pb2.DESCRIPTOR_SOURCE_SIGNAL
    assert set(found.models) == {"note_emotion"}
