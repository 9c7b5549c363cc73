from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from luce.server.media import Audio
from luce.server.media.animation import AUDIO_RATE, encode_gif, encode_mp4
from tests.fixtures.media import happy_song

RATE = Fraction(12)


def music(seconds: float, rate: int = AUDIO_RATE) -> Audio:
    samples = happy_song(seconds)
    return Audio(samples, rate, len(samples) / rate, 1, "pcm_s16le", "audio/wav")


def frames(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """From dark to bright."""
    return [np.full((height, width, 3), 20 + 200 * index // count, np.uint8) for index in range(count)]


def test_an_mp4_has_the_frames_and_the_music_to_its_end() -> None:
    data = encode_mp4(frames(36), RATE, music(3.0), {"title": "sea", "comment": '{"seed": 7}'})
    with av.open(io.BytesIO(data), "r") as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.frames) == (64, 48, 36)
        assert float(video.average_rate or 0) == 12
        assert container.metadata["title"] == "sea"
        assert container.metadata["comment"] == '{"seed": 7}'
        means = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]
    assert means == sorted(means)
    assert means[0] == pytest.approx(20, abs=4)
    with av.open(io.BytesIO(data), "r") as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) / AUDIO_RATE == pytest.approx(3.0, abs=0.05)
    assert heard.std() > 0.02


def test_the_index_of_an_mp4_lies_in_front() -> None:
    data = encode_mp4(frames(6), RATE, music(0.5))
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_an_mp4_may_be_silent() -> None:
    with av.open(io.BytesIO(encode_mp4(frames(4), RATE)), "r") as container:
        assert not container.streams.audio


def test_a_gif_repeats_for_ever_and_keeps_its_time() -> None:
    data = encode_gif(frames(7), Fraction(8), {"Description": "sea"})
    with Image.open(io.BytesIO(data)) as gif:
        assert gif.n_frames == 7  # type: ignore[attr-defined]
        assert gif.info["loop"] == 0
        assert gif.info["comment"] == b"Description: sea"
        lengths = []
        for index in range(7):
            gif.seek(index)
            lengths.append(gif.info["duration"])
    # Eighths of a second do not go into hundredths: some are longer, the sum is right.
    assert set(lengths) == {120, 130}
    assert sum(lengths) == 880


def test_the_same_frames_give_the_same_bytes() -> None:
    assert encode_mp4(frames(9), RATE, music(0.7)) == encode_mp4(frames(9), RATE, music(0.7))
    assert encode_gif(frames(3), RATE) == encode_gif(frames(3), RATE)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([], "no frame"),
        ([np.zeros((48, 63, 3), np.uint8)], "even sides"),
        ([np.zeros((48, 64), np.uint8)], "uint8"),
        ([np.zeros((48, 64, 3), np.float32)], "uint8"),
        ([*frames(1), *frames(1, width=32)], "the first"),
    ],
)
def test_what_is_no_animation_is_refused(bad: list[np.ndarray], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        encode_mp4(bad, RATE)


def test_music_of_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="22050"):
        encode_mp4(frames(2), RATE, music(0.5, rate=22050))
    with pytest.raises(ValueError, match="no frame"):
        encode_gif([], RATE)
