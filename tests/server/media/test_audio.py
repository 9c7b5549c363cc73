from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luce.errors import (
    InvalidArgument,
    MalformedMedia,
    PayloadTooLarge,
    RequestError,
    UnsupportedMediaType,
)
from luce.server.media import Audio, MediaSettings
from luce.server.media.audio import decode, probe
from tests.fixtures.media import FORMATS, RATE, encode, happy_song, silence, wav_bytes

ALL_KINDS = (*FORMATS, "wav-float", "wav-24", "wav-8")
SHORT = happy_song(2.0)
FILES = {kind: encode(SHORT, kind) for kind in ALL_KINDS}


def outcome(data: bytes) -> Audio | RequestError:
    """What comes of a file; any other error goes on."""
    try:
        probe(data, MediaSettings(max_audio_seconds=60))
        return decode(data, MediaSettings(max_audio_seconds=60))
    except RequestError as error:
        return error


def sine(frequency: float, seconds: float, rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_format_decodes_to_the_length_that_went_in(kind: str) -> None:
    audio = decode(FILES[kind])
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert audio.sample_rate == 22050
    assert len(audio.samples) == pytest.approx(2.0 * 22050, abs=0.06 * 22050)
    assert audio.duration_s == len(audio.samples) / 22050


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_format_keeps_the_loudness_and_the_pitch(kind: str) -> None:
    audio = decode(encode(sine(440.0, 2.0, RATE), kind))
    middle = audio.samples[11025:-11025]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 22050 / len(middle) == pytest.approx(440.0, abs=2.0)
    # ffmpeg's vorbis encoder takes two channels alone, and turning one into two costs 3 dB here.
    expected = 0.5 / np.sqrt(2) / (np.sqrt(2) if kind == "vorbis" else 1.0)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_probe_tells_codec_duration_rate_and_channels(kind: str) -> None:
    told = probe(FILES[kind])
    assert told.duration_s == pytest.approx(2.0, abs=0.06)
    assert told.sample_rate == (48000 if kind == "opus" else RATE)
    assert told.channels == (2 if kind == "vorbis" else 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 6, 8])
def test_channels_become_one_by_their_mean(channels: int) -> None:
    interleaved = np.zeros((RATE, channels), np.float32)
    interleaved[:, 0] = sine(440.0, 1.0, RATE)
    audio = decode(wav_bytes(interleaved, channels=channels), sample_rate=RATE)
    assert audio.channels == channels
    np.testing.assert_allclose(audio.samples, interleaved[:, 0] / channels, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22050, 32000, 48000, 96000])
def test_other_sample_rates_are_resampled(rate: int) -> None:
    audio = decode(wav_bytes(sine(440.0, 1.0, rate), rate=rate))
    assert len(audio.samples) == pytest.approx(22050, abs=64)


def test_decoding_is_deterministic() -> None:
    assert decode(FILES["mp3"]).samples.tobytes() == decode(FILES["mp3"]).samples.tobytes()


def test_a_path_decodes_as_its_bytes_do(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(FILES["flac"])
    np.testing.assert_array_equal(decode(path).samples, decode(FILES["flac"]).samples)
    with pytest.raises(PayloadTooLarge, match="audio has"):
        decode(path, MediaSettings(max_audio_bytes=1024))


@pytest.mark.parametrize("kind", FORMATS)
def test_silence_is_valid(kind: str) -> None:
    audio = decode(encode(silence(1.0), kind))
    assert np.abs(audio.samples).max() < 1e-4


def test_an_empty_file_is_malformed() -> None:
    with pytest.raises(MalformedMedia) as caught:
        probe(b"")
    assert caught.value.field == "audio"
    assert caught.value.limit


@pytest.mark.parametrize("data", [b"PK\x03\x04" + bytes(999), b"<html></html>", b"MZ" + bytes(99), bytes(4096)])
def test_what_is_not_audio_is_malformed_and_told_what_is_read(data: bytes) -> None:
    for work in (probe, decode):
        with pytest.raises(MalformedMedia) as caught:
            work(data)
        assert "flac" in caught.value.limit


def test_an_image_is_an_unsupported_type() -> None:
    with pytest.raises(UnsupportedMediaType, match="image/png"):
        probe(b"\x89PNG\r\n\x1a\n" + bytes(100))


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.95])
def test_a_truncated_file_is_malformed(kind: str, share: float) -> None:
    data = FILES[kind]
    for work in (probe, decode):
        with pytest.raises(MalformedMedia) as caught:
            work(data[: int(share * len(data))])
        assert caught.value.field == "audio"


def test_an_mp3_that_promises_nothing_is_taken_as_far_as_it_goes() -> None:
    data = FILES["mp3"]
    tag = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
    without_promise = data[tag:].replace(b"Info", b"\0\0\0\0", 1).replace(b"Xing", b"\0\0\0\0", 1)
    audio = decode(without_promise[: len(without_promise) // 2])
    assert 0.5 < audio.duration_s < 1.5


def test_a_wav_of_unknown_length_is_taken_to_its_end() -> None:
    data = bytearray(wav_bytes(SHORT))
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    assert decode(bytes(data)).duration_s == pytest.approx(2.0, abs=0.01)


def test_one_sample_is_refused_with_the_minimum() -> None:
    for work in (probe, decode):
        with pytest.raises(InvalidArgument) as caught:
            work(wav_bytes(SHORT[:1]))
        assert caught.value.limit == "0.1 s"


def test_no_samples_at_all_are_refused() -> None:
    with pytest.raises(RequestError) as caught:
        decode(wav_bytes(SHORT[:0]))
    assert caught.value.field == "audio"


def test_too_long_a_piece_is_refused_before_it_is_decoded() -> None:
    limits = MediaSettings(max_audio_seconds=1.5)
    for work in (probe, decode):
        with pytest.raises(PayloadTooLarge) as caught:
            work(FILES["opus"], limits)
        assert caught.value.limit == "1.5 s"


def test_ten_hours_are_refused() -> None:
    # A flac header of ten hours is believed at once; the samples are never looked for.
    data = bytearray(FILES["flac"])
    samples = 36_000 * RATE
    data[21] = data[21] & 0xF0 | samples >> 32
    data[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, "big")
    with pytest.raises(PayloadTooLarge, match="36000 s") as caught:
        probe(bytes(data))
    assert caught.value.limit == "1800 s"


def test_a_header_that_lies_about_the_length_does_not_help() -> None:
    # Six seconds whose flac header admits one.
    data = bytearray(encode(happy_song(6.0), "flac"))
    data[21] &= 0xF0
    data[22:26] = RATE.to_bytes(4, "big")
    with pytest.raises(PayloadTooLarge):
        decode(bytes(data), MediaSettings(max_audio_seconds=3.0))


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        probe(FILES["wav"], MediaSettings(max_audio_bytes=1024))
    assert "MiB" in caught.value.limit


def test_thirty_two_channels_are_refused() -> None:
    for work in (probe, decode):
        with pytest.raises(InvalidArgument) as caught:
            work(wav_bytes(np.zeros((RATE, 32), np.float32), channels=32))
        assert caught.value.limit == "1..8 channels"


@pytest.mark.parametrize("rate", [1000, 400_000])
def test_a_sample_rate_out_of_range_is_refused(rate: int) -> None:
    with pytest.raises(InvalidArgument, match="Hz"):
        probe(wav_bytes(SHORT, rate=rate))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_malformed_wherever_they_stand(bad: float) -> None:
    samples = SHORT.copy()
    samples[len(samples) - 5] = bad
    for work in (probe, decode):
        with pytest.raises(MalformedMedia, match="finite"):
            work(wav_bytes(samples))


def test_a_file_without_an_audio_stream_is_malformed() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(MalformedMedia, match="no audio stream"):
        probe(target.getvalue())


def test_another_codec_in_a_known_container_is_an_unsupported_type() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="wav") as container:
        stream = container.add_stream("adpcm_ms", rate=RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray((SHORT * 20000).astype(np.int16)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (piece := fifo.read(stream.codec_context.frame_size)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    with pytest.raises(UnsupportedMediaType, match="adpcm_ms"):
        probe(target.getvalue())


def test_the_time_limit_ends_a_long_decode() -> None:
    with pytest.raises(PayloadTooLarge, match="takes longer"):
        decode(FILES["flac"], MediaSettings(decode_timeout_s=1e-9))


def test_the_message_names_the_field_it_is_given() -> None:
    with pytest.raises(MalformedMedia, match="song is empty") as caught:
        decode(b"", field="song")
    assert caught.value.field == "song"


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_decode_or_are_refused_but_never_break(kind: str, data: st.DataObject) -> None:
    sound = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 20))):
        sound[data.draw(st.integers(0, len(sound) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(sound)))
    found = outcome(bytes(sound[:cut]))
    if isinstance(found, RequestError):
        assert found.field == "audio"
    else:
        assert np.isfinite(found.samples).all()
        assert found.duration_s <= 60


@settings(max_examples=100, deadline=None)
@given(
    head=st.sampled_from([b"fLaC", b"OggS\0", b"ID3\4", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x1cftypM4A ", b"\xff\xfb\x90"]),
    rest=st.binary(max_size=2000),
)
def test_random_bytes_behind_a_magic_number_are_refused(head: bytes, rest: bytes) -> None:
    assert isinstance(outcome(head + rest), RequestError | Audio)
