"""Audio files to samples, by ffmpeg's libraries (PyAV), within limits.

Reads wav, flac, mp3, ogg (vorbis, opus, flac) and m4a (aac, alac). The demuxer is forced by the file's magic bytes and
the codec must be on a list, so that none of the hundred other readers of ffmpeg is reachable from outside.

Damage: a file whose container promises more than there is, is refused (see `completeness`). Packets that do not decode
are left out as long as they are few (an old tag at the end of an mp3); past `_MAX_DAMAGE` the file is refused.
"""

from __future__ import annotations

import io
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
import av.logging
import numpy as np
from numpy.typing import NDArray

from luce.errors import InvalidArgument, MalformedMedia, PayloadTooLarge, UnsupportedMediaType
from luce.server.media.completeness import check_complete, check_finite
from luce.server.media.settings import MIB, MediaSettings
from luce.server.media.sniffing import AUDIO_TYPES, HEAD_BYTES, sniff

SAMPLE_RATE: Final = 22050
"""Sample rate of the analysis, Hz."""

FORMATS: Final = "wav, flac, mp3, ogg, m4a"

_DEMUXERS: Final = {
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/mp4": "mov",
}
_CODECS: Final = ("flac", "mp3", "mp3float", "vorbis", "opus", "aac", "alac")
_BLOCK_SAMPLES: Final = 1 << 16
_MAX_DAMAGE: Final = 0.05
_FREE_DAMAGED_PACKETS: Final = 3

av.logging.set_level(av.logging.PANIC)


@dataclass(frozen=True, slots=True)
class AudioProbe:
    """What a file says of itself before it is decoded.

    Attributes:
        media_type: IANA media type, told from the bytes.
        codec: Name of the codec, such as "mp3" or "pcm_s16le".
        duration_s: Seconds, as the container tells them; None where it does not.
        sample_rate: Hz.
        channels: Number of channels.
    """

    media_type: str
    codec: str
    duration_s: float | None
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Decoded sound.

    Attributes:
        samples: float32, shape (n,), the mean of all channels; full scale is [-1, 1].
        sample_rate: Hz, of `samples`.
        duration_s: Seconds, of `samples`.
        channels: Number of channels of the file.
        codec: Name of the codec.
        media_type: IANA media type, told from the bytes.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    duration_s: float
    channels: int
    codec: str
    media_type: str


def probe(data: bytes, settings: MediaSettings | None = None, *, field: str = "audio") -> AudioProbe:
    """Look at a file without decoding it: a few milliseconds.

    Args:
        data: The whole file.
        settings: The limits.
        field: Name of the request's field, for messages.

    Raises:
        PayloadTooLarge: More bytes or seconds than the limit.
        MalformedMedia: Empty, not audio, cut short, no audio stream, or samples that are not numbers.
        UnsupportedMediaType: Another medium, or a codec that is not read.
        InvalidArgument: Too short, too many channels, or a sample rate out of range.
    """
    settings = settings or MediaSettings()
    media_type = _check_bytes(data, settings, field)
    try:
        with _open(data, media_type, field) as container:
            described = _describe(container, media_type, settings, field)
            if described.codec == "flac":
                packets = container.demux(container.streams.audio[0])
                _check_flac(sum(packet.duration or 0 for packet in packets), described, field)
            return described
    except av.error.FFmpegError as error:
        raise _damaged(field, error) from error


def decode(
    data: bytes | Path,
    settings: MediaSettings | None = None,
    *,
    sample_rate: int = SAMPLE_RATE,
    field: str = "audio",
) -> Audio:
    """Decode a whole file to one channel, the mean of all. Resampling is libswresample's.

    Args:
        data: The whole file, or where it lies.
        settings: The limits, on bytes, seconds, channels, sample rate and time.
        sample_rate: Hz of the result.
        field: Name of the request's field, for messages.

    Raises:
        The errors of `probe`, and PayloadTooLarge where decoding takes longer than the time limit.
    """
    settings = settings or MediaSettings()
    if isinstance(data, Path):
        if data.stat().st_size > settings.max_audio_bytes:
            raise _too_many_bytes(data.stat().st_size, settings, field)
        data = data.read_bytes()
    parts: list[NDArray[np.float32]] = []
    blocks = decode_blocks(data, settings, sample_rate=sample_rate, field=field)
    while True:
        try:
            parts.append(next(blocks))
        except StopIteration as end:
            described: AudioProbe = end.value
            break
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return Audio(
        samples=samples,
        sample_rate=sample_rate,
        duration_s=len(samples) / sample_rate,
        channels=described.channels,
        codec=described.codec,
        media_type=described.media_type,
    )


def decode_blocks(
    data: bytes, settings: MediaSettings, *, sample_rate: int = SAMPLE_RATE, field: str = "audio"
) -> Generator[NDArray[np.float32], None, AudioProbe]:
    """The samples of `decode` block by block, each a second or two; the generator's value tells of the file.

    Raises:
        The errors of `decode`; those that only the end of the file tells come after the last block.
    """
    media_type = _check_bytes(data, settings, field)
    count = 0
    try:
        with _open(data, media_type, field) as container:
            described = _describe(container, media_type, settings, field)
            reader = _Reader(container, described, settings, field)
            resampler = _Resampler(described.sample_rate, sample_rate)
            for block in reader.blocks():
                for part in resampler.feed(block):
                    count += len(part)
                    yield part
            for part in resampler.flush():
                count += len(part)
                yield part
            reader.check_whole()
    except av.error.FFmpegError as error:
        raise _damaged(field, error) from error
    _check_seconds(count / sample_rate, settings, field)
    return described


def _check_bytes(data: bytes, settings: MediaSettings, field: str) -> str:
    if not data:
        raise MalformedMedia(f"{field} is empty", field=field, limit="at least one byte")
    if len(data) > settings.max_audio_bytes:
        raise _too_many_bytes(len(data), settings, field)
    media_type = sniff(data[:HEAD_BYTES])
    if media_type is None:
        raise MalformedMedia(f"{field} is no audio file that is read here ({FORMATS})", field=field, limit=FORMATS)
    if media_type not in AUDIO_TYPES:
        raise UnsupportedMediaType(f"{field} is {media_type}, not audio ({FORMATS})", field=field, limit=FORMATS)
    check_complete(data, media_type, field=field)
    return media_type


def _too_many_bytes(size: int, settings: MediaSettings, field: str) -> PayloadTooLarge:
    limit = f"{settings.max_audio_bytes / MIB:g} MiB"
    return PayloadTooLarge(f"{field} has {size / MIB:.1f} MiB; at most {limit}", field=field, limit=limit)


def _damaged(field: str, error: av.error.FFmpegError) -> MalformedMedia:
    return MalformedMedia(f"{field} does not decode: {error.strerror}", field=field, limit=f"a sound {FORMATS} file")


def _open(data: bytes, media_type: str, field: str) -> av.container.InputContainer:
    try:
        return av.open(io.BytesIO(data), "r", format=_DEMUXERS[media_type], metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise _damaged(field, error) from error


def _describe(
    container: av.container.InputContainer, media_type: str, settings: MediaSettings, field: str
) -> AudioProbe:
    if not container.streams.audio:
        raise MalformedMedia(f"{field} has no audio stream", field=field, limit="one audio stream")
    stream = container.streams.audio[0]
    context = stream.codec_context
    codec, channels, rate = context.name, context.channels, context.sample_rate
    if not (codec in _CODECS or codec.startswith("pcm_")):
        raise UnsupportedMediaType(f"{field}: the codec {codec} is not read ({FORMATS})", field=field, limit=FORMATS)
    if not 1 <= channels <= settings.max_channels:
        limit = f"1..{settings.max_channels} channels"
        raise InvalidArgument(f"{field} has {channels} channels; allowed are {limit}", field=field, limit=limit)
    if not settings.min_sample_rate <= rate <= settings.max_sample_rate:
        limit = f"{settings.min_sample_rate}..{settings.max_sample_rate} Hz"
        raise InvalidArgument(f"{field} is sampled at {rate} Hz; allowed are {limit}", field=field, limit=limit)
    duration = None
    if stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / av.time_base
    if duration is not None:
        _check_seconds(duration, settings, field)
    return AudioProbe(media_type, codec, duration, rate, channels)


def _check_seconds(duration: float, settings: MediaSettings, field: str) -> None:
    if duration > settings.max_audio_seconds:
        limit = f"{settings.max_audio_seconds:g} s"
        raise PayloadTooLarge(f"{field} lasts {duration:.0f} s; at most {limit}", field=field, limit=limit)
    if duration < settings.min_audio_seconds:
        limit = f"{settings.min_audio_seconds:g} s"
        raise InvalidArgument(f"{field} lasts {duration:.4f} s; at least {limit}", field=field, limit=limit)


def _check_flac(samples: int, described: AudioProbe, field: str) -> None:
    """Hold the number of samples that are there against the one in the header."""
    there = samples / described.sample_rate
    if described.duration_s is not None and there < described.duration_s - 1e-6:
        raise MalformedMedia(
            f"{field} is cut short: the flac header promises {described.duration_s:.2f} s, {there:.2f} s are there",
            field=field,
            limit="a complete file",
        )


class _Reader:
    """Packets to blocks of float32 samples, counting what was lost and what it costs."""

    def __init__(
        self, container: av.container.InputContainer, described: AudioProbe, settings: MediaSettings, field: str
    ) -> None:
        self._container = container
        self._described = described
        self._settings = settings
        self._field = field
        self._packets = 0
        self._damaged = 0
        self._samples = 0

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Mono, (about `_BLOCK_SAMPLES`,) each."""
        held: list[NDArray[np.generic]] = []
        count = 0
        for frame in self._frames():
            held.append(_raw(frame))
            count += frame.samples
            if count >= _BLOCK_SAMPLES:
                yield self._mono(held)
                held, count = [], 0
        if held:
            yield self._mono(held)

    def _mono(self, frames: list[NDArray[np.generic]]) -> NDArray[np.float32]:
        """The mean of the channels. Frames are small: they are joined before anything is done to them."""
        samples = _to_float(np.concatenate(frames, axis=1))
        check_finite(samples, field=self._field)
        mean: NDArray[np.float32] = samples[0] if len(samples) == 1 else samples.mean(axis=0, dtype=np.float32)
        return mean

    def check_whole(self) -> None:
        """Hold what came out against what the file promised."""
        if self._damaged > max(_FREE_DAMAGED_PACKETS, _MAX_DAMAGE * self._packets) or not self._samples:
            raise MalformedMedia(
                f"{self._field}: {self._damaged} of {self._packets} packets do not decode",
                field=self._field,
                limit=f"{_MAX_DAMAGE:.0%} damaged packets",
            )
        if self._described.codec == "flac":
            _check_flac(self._samples, self._described, self._field)

    def _frames(self) -> Iterator[av.AudioFrame]:
        # Of work, not of waiting: whoever takes the blocks may be slow.
        until = time.process_time() + self._settings.decode_timeout_s
        most = self._settings.max_audio_seconds * self._described.sample_rate
        stream = self._container.streams.audio[0]
        stream.codec_context.thread_count = 1
        for packet in self._container.demux(stream):
            self._packets += 1
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                self._damaged += 1
                continue
            for frame in frames:
                self._check_frame(frame)
                self._samples += frame.samples
                yield frame
            if self._samples > most:
                _check_seconds(self._samples / self._described.sample_rate, self._settings, self._field)
            if time.process_time() > until:
                limit = f"{self._settings.decode_timeout_s:g} s"
                raise PayloadTooLarge(
                    f"{self._field} takes longer than {limit} to decode", field=self._field, limit=limit
                )

    def _check_frame(self, frame: av.AudioFrame) -> None:
        if (frame.sample_rate, frame.layout.nb_channels) != (self._described.sample_rate, self._described.channels):
            raise MalformedMedia(
                f"{self._field} changes its sample rate or channels midway", field=self._field, limit="one format"
            )


def _raw(frame: av.AudioFrame) -> NDArray[np.generic]:
    """The samples of a frame as they are, (channels, n)."""
    raw: NDArray[np.generic] = frame.to_ndarray()
    return raw if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels).T


def _to_float(raw: NDArray[np.generic]) -> NDArray[np.float32]:
    """Samples as float32 with full scale [-1, 1]."""
    if raw.dtype.kind == "f":
        # A double beyond float32's range becomes infinite here, and is refused as such.
        with np.errstate(over="ignore"):
            return raw.astype(np.float32)
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - 128.0) / 128.0
    return raw.astype(np.float32) / np.float32(2.0 ** (8 * raw.dtype.itemsize - 1))


class _Resampler:
    """libswresample over blocks of mono float32 samples."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._source_rate = source_rate
        self._same = source_rate == target_rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=target_rate)

    def feed(self, block: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Resampled blocks, as many as are ready."""
        if self._same:
            return [block]
        frame = av.AudioFrame.from_ndarray(block[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = self._source_rate
        return [out.to_ndarray()[0] for out in self._resampler.resample(frame)]

    def flush(self) -> list[NDArray[np.float32]]:
        """What the filter still holds."""
        return [] if self._same else [out.to_ndarray()[0] for out in self._resampler.resample(None)]
