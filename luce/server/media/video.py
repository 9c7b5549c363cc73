"""Video files to a few frames, their shots and their motion, by ffmpeg's libraries (PyAV), within limits.

Reads mp4, mov, webm and mkv with the usual codecs. As with audio, demuxer and codec are on a list. Every frame is
decoded, because a cut may be anywhere, but only looked at as a thumbnail; a few frames at even distances are kept.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from luce.errors import InvalidArgument, MalformedMedia, PayloadTooLarge, UnsupportedMediaType
from luce.server.media.completeness import check_complete
from luce.server.media.settings import MIB, MediaSettings
from luce.server.media.shots import Thumbnails
from luce.server.media.sniffing import HEAD_BYTES, VIDEO_TYPES, sniff

FORMATS: Final = "mp4, mov, webm, mkv"
CODECS: Final = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "libvpx", "libvpx-vp9")

_DEMUXERS: Final = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
}
# The type of most mp4 files, whatever they hold.
_AMBIGUOUS: Final = "audio/mp4"
# Between two frames that are kept, at least so many seconds.
_CLOSEST_S: Final = 0.5
_MAX_DAMAGE: Final = 0.05
_FREE_DAMAGED_PACKETS: Final = 3
# By so much less than its container says a file may last.
_SLACK_S: Final = 1.0
_SLACK: Final = 0.05
_THUMBNAIL: Final = (32, 18)
FRAME_SIDE: Final = 224
"""Shorter side of the frames that are kept, pixels; smaller ones stay as they are. The longer side is cut to 3:1."""

_LONGEST: Final = 3
_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """What a video says of itself before it is decoded.

    Attributes:
        media_type: IANA media type.
        codec: Name of the codec, such as "h264".
        duration_s: Seconds, as the container tells them; None where it does not.
        width: Pixels.
        height: Pixels.
    """

    media_type: str
    codec: str
    duration_s: float | None
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """What was seen of a video.

    Attributes:
        frames: uint8, (k, h, w, 3) RGB, k >= 1, upright, the shorter side shrunk to `FRAME_SIDE` pixels.
        times_s: (k,) when each was shown, seconds, ascending from about 0.
        cuts_s: When a new shot begins, seconds, ascending; the first shot's beginning is not among them.
        duration_s: Seconds.
        width: Pixels of the file's own frames.
        height: Pixels.
        codec: Name of the codec.
        media_type: IANA media type.
    """

    frames: NDArray[np.uint8]
    times_s: tuple[float, ...]
    cuts_s: tuple[float, ...]
    duration_s: float
    width: int
    height: int
    codec: str
    media_type: str

    @property
    def shots(self) -> list[tuple[float, float]]:
        """Beginning and end of each shot, seconds; they follow one another without a gap."""
        edges = [0.0, *self.cuts_s, self.duration_s]
        return list(itertools.pairwise(edges))


def media_type_of(head: bytes) -> str | None:
    """The type of a video by its first bytes, "video/mp4" for any mp4 file; None where it is no video that is read."""
    found = sniff(head[:HEAD_BYTES])
    found = "video/mp4" if found == _AMBIGUOUS else found
    return found if found in VIDEO_TYPES else None


def probe(data: bytes, settings: MediaSettings | None = None, *, field: str = "media") -> VideoProbe:
    """Look at a file without decoding it: a few milliseconds.

    Args:
        data: The whole file.
        settings: The limits.
        field: Name of the request's field, for messages.

    Raises:
        PayloadTooLarge: More bytes, seconds or pixels than the limit.
        MalformedMedia: Empty, no video, cut short, or without pictures.
        UnsupportedMediaType: Another medium, or a codec that is not read.
        InvalidArgument: Too short.
    """
    settings = settings or MediaSettings()
    media_type = _check_bytes(data, settings, field)
    try:
        with open_video(data, media_type) as container:
            return _describe(container, media_type, settings, field)
    except av.error.FFmpegError as error:
        raise damaged(field, error) from error


def decode(data: bytes, settings: MediaSettings | None = None, *, field: str = "media") -> Video:
    """Watch a whole file.

    Raises:
        The errors of `probe`, and PayloadTooLarge where decoding takes longer than the time limit.
    """
    settings = settings or MediaSettings()
    media_type = _check_bytes(data, settings, field)
    try:
        with open_video(data, media_type) as container:
            described = _describe(container, media_type, settings, field)
            watcher = _Watcher(container, described, settings, field)
            watcher.watch()
    except av.error.FFmpegError as error:
        raise damaged(field, error) from error
    return Video(
        frames=np.stack(watcher.kept),
        times_s=tuple(watcher.times),
        cuts_s=tuple(watcher.thumbnails.cuts(watcher.end_s)),
        duration_s=watcher.end_s,
        width=described.width,
        height=described.height,
        codec=described.codec,
        media_type=media_type,
    )


def _check_bytes(data: bytes, settings: MediaSettings, field: str) -> str:
    if not data:
        raise MalformedMedia(f"{field} is empty", field=field, limit="at least one byte")
    if len(data) > settings.max_video_bytes:
        limit = f"{settings.max_video_bytes / MIB:g} MiB"
        raise PayloadTooLarge(f"{field} has {len(data) / MIB:.1f} MiB; at most {limit}", field=field, limit=limit)
    media_type = media_type_of(data)
    if media_type is None:
        told = sniff(data[:HEAD_BYTES])
        if told is None:
            raise MalformedMedia(f"{field} is no video file that is read here ({FORMATS})", field=field, limit=FORMATS)
        raise UnsupportedMediaType(f"{field} is {told}, not a video ({FORMATS})", field=field, limit=FORMATS)
    # The boxes of mp4 and mov are those of m4a.
    check_complete(data, _AMBIGUOUS if _DEMUXERS[media_type] == "mov" else media_type, field=field)
    return media_type


def damaged(field: str, error: av.error.FFmpegError) -> MalformedMedia:
    """What is told of a file that ffmpeg cannot read."""
    return MalformedMedia(f"{field} does not decode: {error.strerror}", field=field, limit=f"a sound {FORMATS} file")


def open_video(data: bytes, media_type: str) -> av.container.InputContainer:
    """The container of a file of one of `VIDEO_TYPES`."""
    return av.open(io.BytesIO(data), "r", format=_DEMUXERS[media_type], metadata_errors="replace")


def _describe(
    container: av.container.InputContainer, media_type: str, settings: MediaSettings, field: str
) -> VideoProbe:
    if not container.streams.video:
        raise MalformedMedia(f"{field} holds no pictures", field=field, limit="one video stream")
    stream = container.streams.video[0]
    codec = stream.codec_context.name
    if codec not in CODECS:
        limit = "h264, hevc, vp8, vp9, av1, mpeg4"
        raise UnsupportedMediaType(f"{field}: the codec {codec} is not read ({limit})", field=field, limit=limit)
    width, height = stream.codec_context.width, stream.codec_context.height
    _check_pixels(width, height, settings, field)
    duration = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    if duration is not None:
        _check_seconds(duration, settings, field)
    return VideoProbe(media_type, codec, duration, width, height)


def _check_pixels(width: int, height: int, settings: MediaSettings, field: str) -> None:
    if width < 1 or height < 1:
        raise MalformedMedia(f"{field}: its frames have no size", field=field, limit="at least one pixel")
    if width * height > settings.max_video_pixels:
        limit = f"{settings.max_video_pixels} pixels a frame"
        raise PayloadTooLarge(f"{field} has frames of {width}x{height}; at most {limit}", field=field, limit=limit)


def _check_seconds(duration: float, settings: MediaSettings, field: str) -> None:
    if duration > settings.max_video_seconds:
        limit = f"{settings.max_video_seconds:g} s"
        raise PayloadTooLarge(f"{field} lasts {duration:.0f} s; at most {limit}", field=field, limit=limit)
    if duration < settings.min_video_seconds:
        limit = f"{settings.min_video_seconds:g} s"
        raise InvalidArgument(f"{field} lasts {duration:.2f} s; at least {limit}", field=field, limit=limit)


class _Watcher:
    """Decodes every frame, keeps a few, and remembers all as thumbnails."""

    def __init__(
        self, container: av.container.InputContainer, described: VideoProbe, settings: MediaSettings, field: str
    ) -> None:
        self._container = container
        self._described = described
        self._settings = settings
        self._field = field
        longest_s = described.duration_s or settings.max_video_seconds
        self._distance_s = max(_CLOSEST_S, longest_s / settings.max_video_frames)
        self.kept: list[NDArray[np.uint8]] = []
        self.times: list[float] = []
        self.thumbnails = Thumbnails()
        self.end_s = 0.0

    def watch(self) -> None:
        """The whole file. Raises what `decode` raises."""
        begin: float | None = None
        for frame in self._frames():
            begin = frame.time if begin is None else begin
            at = max(0.0, frame.time - begin)
            rate = self._container.streams.video[0].average_rate
            self.end_s = max(self.end_s, at + (1 / float(rate) if rate else 0.04))
            if self.end_s > self._settings.max_video_seconds:
                _check_seconds(self.end_s, self._settings, self._field)
            small = frame.reformat(*_THUMBNAIL, format="rgb24", interpolation="FAST_BILINEAR").to_ndarray()
            self.thumbnails.add(at, small)
            if at >= len(self.kept) * self._distance_s - 1e-6 and len(self.kept) < self._settings.max_video_frames:
                self.kept.append(_upright(frame))
                self.times.append(at)
        self._check_whole()

    def _frames(self) -> Iterator[Any]:
        until = time.monotonic() + self._settings.video_timeout_s
        stream = self._container.streams.video[0]
        stream.codec_context.thread_count = _THREADS
        stream.codec_context.thread_type = "AUTO"
        packets = lost = 0
        for packet in self._container.demux(stream):
            packets += 1
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                lost += 1
                continue
            for frame in frames:
                _check_pixels(frame.width, frame.height, self._settings, self._field)
                if frame.time is not None:
                    yield frame
            if time.monotonic() > until:
                limit = f"{self._settings.video_timeout_s:g} s"
                raise PayloadTooLarge(
                    f"{self._field} takes longer than {limit} to decode", field=self._field, limit=limit
                )
        if lost > max(_FREE_DAMAGED_PACKETS, _MAX_DAMAGE * packets):
            raise MalformedMedia(
                f"{self._field}: {lost} of {packets} packets do not decode",
                field=self._field,
                limit=f"{_MAX_DAMAGE:.0%} damaged packets",
            )

    def _check_whole(self) -> None:
        if not self.kept:
            raise MalformedMedia(f"{self._field} holds no picture that decodes", field=self._field, limit="one frame")
        promised = self._described.duration_s
        if promised is not None and self.end_s < promised - max(_SLACK_S, _SLACK * promised):
            raise MalformedMedia(
                f"{self._field} is cut short: it promises {promised:.1f} s, {self.end_s:.1f} s are there",
                field=self._field,
                limit="a complete file",
            )
        _check_seconds(self.end_s, self._settings, self._field)


def _upright(frame: Any) -> NDArray[np.uint8]:
    """The frame small and as a person sees it: turned as the file says."""
    scale = min(1.0, FRAME_SIDE / min(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    pixels: NDArray[np.uint8] = frame.reformat(width, height, format="rgb24", interpolation="AREA").to_ndarray()
    longest = _LONGEST * min(width, height)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    cut = pixels[top : top + longest, left : left + longest]
    return np.ascontiguousarray(np.rot90(cut, round((getattr(frame, "rotation", 0) or 0) / 90)))
