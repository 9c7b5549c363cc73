"""Whether a file is whole, told from its container alone: microseconds, and no decoder involved.

A container that promises more than there is raises `MalformedMedia`. What is told apart:

- wav: the length of the data chunk (a recorder that streams writes 0 or "unknown" there: taken to the end of the file);
- mp3: the byte count of a Xing or Info header, where there is one. Without it a cut cannot be seen, and what is
  there is taken as the piece;
- ogg: the last page is whole and marked as the end of its stream;
- m4a: every box ends within the file, and the index (`moov`) is there.

A flac file counts its samples in its header; `audio` holds them against its packets and against what came out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import MalformedMedia

_UNKNOWN_LENGTH: Final = 0x7FFFF000
_WAVE_FLOAT: Final = 3
_WAVE_EXTENSIBLE: Final = 0xFFFE
_SAMPLES_AT_ONCE: Final = 1 << 20
# Taggers shorten a file by an old tag and leave the count as it was.
_MP3_SLACK_BYTES: Final = 512


def check_complete(data: bytes, media_type: str, *, field: str = "audio") -> None:
    """Refuse a file whose container promises more than there is; other media types than audio pass.

    Raises:
        MalformedMedia: The file is cut short, or holds samples that are not numbers (wav of floats).
    """
    check = _CHECKS.get(media_type)
    if check is not None:
        check(data, field)


def _cut(field: str, why: str) -> MalformedMedia:
    return MalformedMedia(f"{field} is cut short: {why}", field=field, limit="a complete file")


def _check_wav(data: bytes, field: str) -> None:
    position, layout = 12, b""
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        start = position + 8
        if name == b"fmt ":
            layout = data[start : start + size]
        elif name == b"data":
            there = len(data) - start
            if size == 0 or size >= _UNKNOWN_LENGTH:
                size = there
            if size > there:
                raise _cut(field, f"the wav header promises {size} bytes of sound, {there} are there")
            return _check_floats(memoryview(data)[start : start + size], layout, field)
        position = start + size + size % 2
    raise _cut(field, "the wav file has no sound in it")


def _check_floats(sound: memoryview, layout: bytes, field: str) -> None:
    if len(layout) < 16:
        raise MalformedMedia(f"{field}: the wav header has no format", field=field)
    tag, bits = int.from_bytes(layout[:2], "little"), int.from_bytes(layout[14:16], "little")
    if tag == _WAVE_EXTENSIBLE and len(layout) >= 26:
        tag = int.from_bytes(layout[24:26], "little")
    if tag != _WAVE_FLOAT or bits not in (32, 64):
        return
    kind: np.dtype[np.floating] = np.dtype("<f4") if bits == 32 else np.dtype("<f8")
    samples: NDArray[np.floating] = np.frombuffer(sound[: len(sound) - len(sound) % kind.itemsize], kind)
    for start in range(0, len(samples), _SAMPLES_AT_ONCE):
        check_finite(samples[start : start + _SAMPLES_AT_ONCE], field=field)


def check_finite(samples: NDArray[np.floating], *, field: str) -> None:
    """Raise `MalformedMedia` where a sample is NaN or infinite."""
    if not np.isfinite(samples).all():
        raise MalformedMedia(f"{field} holds samples that are not finite numbers", field=field, limit="finite samples")


def _check_mp3(data: bytes, field: str) -> None:
    start = 0
    if data[:3] == b"ID3" and len(data) >= 10:
        start = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
        if start >= len(data):
            raise _cut(field, "it ends within its ID3 tag")
    header = data[start : start + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return
    mpeg1, mono = header[1] >> 3 & 3 == 3, header[3] >> 6 == 3
    side = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    tag = start + 4 + side
    if data[tag : tag + 4] not in (b"Xing", b"Info") or len(data) < tag + 16:
        return
    flags = int.from_bytes(data[tag + 4 : tag + 8], "big")
    if not flags & 2:
        return
    place = tag + 8 + (4 if flags & 1 else 0)
    promised, there = int.from_bytes(data[place : place + 4], "big"), len(data) - start
    if promised > there + _MP3_SLACK_BYTES:
        raise _cut(field, f"the mp3 header promises {promised} bytes, {there} are there")


def _check_ogg(data: bytes, field: str) -> None:
    position, ended = 0, False
    while position < len(data):
        if data[position : position + 4] != b"OggS":
            position = data.find(b"OggS", position)
            if position < 0:
                break
        count = data[position + 26] if position + 27 <= len(data) else 256
        lacing = data[position + 27 : position + 27 + count]
        size = 27 + count + sum(lacing)
        if len(lacing) < count or position + size > len(data):
            raise _cut(field, "the last ogg page is not whole")
        ended = bool(data[position + 5] & 4)
        position += size
    if not ended:
        raise _cut(field, "the last ogg page does not end the stream")


def _check_mp4(data: bytes, field: str) -> None:
    position, indexed = 0, False
    while position + 8 <= len(data):
        size, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if size == 1 and position + 16 <= len(data):
            (size,) = struct.unpack(">Q", data[position + 8 : position + 16])
        elif size == 0:
            size = len(data) - position
        if size < 8:
            raise MalformedMedia(f"{field}: the mp4 file has a box of {size} bytes", field=field)
        if position + size > len(data):
            raise _cut(field, f"the mp4 box {name.decode('latin-1')!r} ends after the file")
        indexed = indexed or name == b"moov"
        position += size
    if not indexed:
        raise _cut(field, "the mp4 file has no index")


_CHECKS: Final[dict[str, Callable[[bytes, str], None]]] = {
    "audio/wav": _check_wav,
    "audio/mpeg": _check_mp3,
    "audio/ogg": _check_ogg,
    "audio/mp4": _check_mp4,
}
