"""Videos: what is seen of them, where they cut, what is refused, and how they get other sound."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from luce.errors import InvalidArgument, LuceError, MalformedMedia, PayloadTooLarge, UnsupportedMediaType
from luce.server.media import MediaDecoder, MediaSettings, encode_png
from luce.server.media.muxing import mux
from luce.server.media.video import decode, media_type_of, probe
from tests.fixtures.media import encode, happy_song
from tests.fixtures.videos import GLOOMY, GREEN, SUNNY, video

CLIP = video((SUNNY, 3.0), (GLOOMY, 2.0), (GREEN, 3.0))
SOUND = np.zeros((8 * 44100, 2), np.int16)


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp4", "libx264"), ("mov", "mpeg4"), ("mkv", "libx264"), ("webm", "libvpx"), ("webm", "libvpx-vp9")],
)
def test_every_container_is_told_and_watched(kind: str, codec: str) -> None:
    data = video((SUNNY, 2.0), (GLOOMY, 1.5), kind=kind, codec=codec)
    described, seen = probe(data), decode(data)
    assert described.media_type == media_type_of(data)
    assert (described.width, described.height) == (seen.width, seen.height) == (160, 96)
    assert seen.duration_s == pytest.approx(3.5, abs=0.15)
    assert described.duration_s == pytest.approx(3.5, abs=0.15)
    assert seen.cuts_s == pytest.approx([2.0], abs=0.1)


def test_cuts_are_found_and_motion_within_a_shot_is_none() -> None:
    seen = decode(CLIP)
    assert seen.cuts_s == pytest.approx([3.0, 5.0], abs=0.1)
    assert [round(end - start) for start, end in seen.shots] == [3, 2, 3]
    assert decode(video((GREEN, 5.0))).cuts_s == ()


def test_frames_show_what_was_shown_at_their_times() -> None:
    seen = decode(CLIP)
    assert seen.frames.shape == (16, 96, 160, 3)
    assert np.diff(seen.times_s) == pytest.approx(0.5, abs=0.09)
    for frame, time in zip(seen.frames, seen.times_s, strict=True):
        colour = SUNNY if time < 3 else GLOOMY if time < 5 else GREEN
        assert np.median(frame, axis=(0, 1)) == pytest.approx(colour, abs=12)


def test_a_long_video_is_looked_at_as_often_as_allowed_and_large_frames_shrink() -> None:
    data = video((SUNNY, 12.0), size=(640, 480), rate=6)
    seen = decode(data, MediaSettings(max_video_frames=4))
    assert seen.frames.shape == (4, 224, 299, 3)
    assert seen.times_s == pytest.approx([0, 3, 6, 9], abs=0.2)


def test_a_video_has_the_same_frames_every_time() -> None:
    assert np.array_equal(decode(CLIP).frames, decode(CLIP).frames)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", MalformedMedia, "is empty"),
        (b"not a video at all" * 20, MalformedMedia, "no video file"),
        (CLIP[: len(CLIP) // 2], MalformedMedia, "cut short"),
        (encode_png(np.zeros((4, 4, 3), np.uint8)), UnsupportedMediaType, "image/png"),
        (encode(happy_song(2.0), "m4a"), MalformedMedia, "no pictures"),
        (video((SUNNY, 0.5)), InvalidArgument, "at least 1 s"),
    ],
)
def test_what_is_no_sound_video_is_refused_with_the_reason(data: bytes, kind: type[LuceError], words: str) -> None:
    for look in (probe, decode):
        with pytest.raises(kind, match=words) as caught:
            look(data, field="clip")
        assert caught.value.field == "clip"


def test_limits_on_bytes_seconds_and_pixels_hold_before_anything_is_decoded() -> None:
    for settings, limit in (
        (MediaSettings(max_video_bytes=1024), "MiB"),
        (MediaSettings(max_video_seconds=5), "5 s"),
        (MediaSettings(max_video_pixels=4096), "4096 pixels"),
    ):
        with pytest.raises(PayloadTooLarge, match=limit):
            probe(CLIP, settings)


def test_a_matroska_file_that_ends_early_is_refused() -> None:
    data = video((SUNNY, 4.0), (GLOOMY, 4.0), kind="mkv", codec="mpeg4")
    with pytest.raises(MalformedMedia):
        decode(data[: len(data) // 2])


def test_a_decode_beyond_its_time_is_given_up() -> None:
    with pytest.raises(PayloadTooLarge, match="takes longer"):
        decode(video((SUNNY, 20.0), size=(640, 480)), MediaSettings(video_timeout_s=0.05))


async def test_a_decoder_process_watches_and_muxes_as_the_library_does() -> None:
    async with MediaDecoder(MediaSettings()) as decoder:
        seen, here = await decoder.video(CLIP), decode(CLIP)
        assert np.array_equal(seen.frames, here.frames)
        assert (seen.times_s, seen.cuts_s, seen.duration_s) == (here.times_s, here.cuts_s, here.duration_s)
        assert await decoder.probe_video(CLIP) == probe(CLIP)
        assert await decoder.mux(CLIP, SOUND, 44100) == mux(CLIP, SOUND, 44100)
        with pytest.raises(MalformedMedia, match="clip is cut short"):
            await decoder.video(CLIP[:2000], field="clip")


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("webm", "libvpx-vp9")])
def test_a_muxed_video_has_the_same_pictures_and_the_new_sound(kind: str, codec: str) -> None:
    data = video((SUNNY, 2.0), (GLOOMY, 2.0), kind=kind, codec=codec, sound=kind == "mp4")
    tone = np.sin(np.arange(4 * 44100) * 2 * np.pi * 440 / 44100)
    pcm = np.repeat((20_000 * tone).astype(np.int16)[:, np.newaxis], 2, axis=1)
    muxed = mux(data, pcm, 44100)
    assert mux(data, pcm, 44100) == muxed
    with av.open(io.BytesIO(muxed), "r") as container:
        (sound,) = container.streams.audio
        assert (sound.codec_context.name, sound.codec_context.sample_rate) == ("aac", 44100)
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(sound)], axis=1)
    assert heard.shape[1] / 44100 == pytest.approx(4.0, abs=0.1)
    assert float(heard.std()) == pytest.approx(20_000 / 32767 / np.sqrt(2), rel=0.1)
    before, after = decode(data), decode(muxed)
    assert np.array_equal(before.frames, after.frames)
    assert before.cuts_s == pytest.approx(after.cuts_s, abs=0.05)


def test_pictures_that_mp4_cannot_hold_are_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="mp4"):
        mux(video((SUNNY, 1.5), kind="webm", codec="libvpx"), SOUND, 44100)
