"""A video written once more, with other sound: its pictures are copied as they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from luce.errors import UnsupportedMediaType
from luce.server.media.settings import MediaSettings
from luce.server.media.video import damaged, open_video, probe

MEDIA_TYPE: Final = "video/mp4"
CODECS: Final = ("h264", "hevc", "av1", "libdav1d", "mpeg4", "vp9", "libvpx-vp9")
"""What an mp4 file may hold."""

_BIT_RATE: Final = 192_000


def check_muxable(codec: str, field: str) -> None:
    """Raises `UnsupportedMediaType` where pictures of this codec cannot be copied into an mp4 file."""
    if codec not in CODECS:
        limit = "h264, hevc, av1, vp9, mpeg4"
        raise UnsupportedMediaType(f"{field}: {codec} cannot be put into an mp4 file", field=field, limit=limit)


def mux(
    data: bytes,
    pcm: NDArray[np.int16],
    sample_rate: int,
    settings: MediaSettings | None = None,
    *,
    field: str = "media",
) -> bytes:
    """An mp4 file of the video's pictures and this sound (AAC); its own sound is left out.

    Args:
        data: The video.
        pcm: (n, 2) samples, full scale at 32767.
        sample_rate: Hz.
        settings: The limits.
        field: Name of the request's field, for messages.

    Raises:
        UnsupportedMediaType: Its codec does not go into mp4.
        The errors of `video.probe`.
    """
    described = probe(data, settings, field=field)
    check_muxable(described.codec, field)
    target = io.BytesIO()
    try:
        with (
            open_video(data, described.media_type) as source,
            av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container,
        ):
            pictures = source.streams.video[0]
            copied = container.add_stream_from_template(pictures)
            sound: Any = container.add_stream("aac", rate=sample_rate)
            sound.codec_context.layout, sound.codec_context.bit_rate = "stereo", _BIT_RATE
            sound.codec_context.flags |= av.codec.context.Flags.bitexact
            frames = _frames(pcm, sample_rate)
            played_s = 0.0
            for packet in _timed(source.demux(pictures)):
                # Interleaved by time, so that nothing piles up in the muxer.
                at_s = float(packet.dts * packet.time_base)
                while played_s <= at_s and (frame := next(frames, None)) is not None:
                    container.mux(sound.encode(frame))
                    played_s += frame.samples / sample_rate
                packet.stream = copied
                container.mux(packet)
            for frame in frames:
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    except av.error.FFmpegError as error:
        raise damaged(field, error) from error
    return target.getvalue()


def _timed(packets: Iterator[Any]) -> Iterator[Any]:
    """The packets that hold something, each with a time of decoding.

    Matroska does not store it; ffmpeg tells it of all but the first packets, which are counted back from the next.
    """
    waiting: list[Any] = []
    for packet in packets:
        if not packet.size:
            continue
        if packet.dts is None:
            waiting.append(packet)
            continue
        for back, early in enumerate(reversed(waiting), 1):
            early.dts = packet.dts - back * max(1, early.duration or 1)
        yield from waiting
        waiting = []
        yield packet
    for packet in waiting:
        packet.dts = packet.pts
        yield packet


def _frames(pcm: NDArray[np.int16], sample_rate: int) -> Iterator[av.AudioFrame]:
    """The samples as frames of half a second."""
    step = sample_rate // 2
    for start in range(0, len(pcm), step):
        block = np.ascontiguousarray(pcm[start : start + step].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), start
        yield frame
