"""The media type of a file, from its first bytes: names and declared types are not believed."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 64
"""How many bytes of the start of a file `sniff` looks at."""

AUDIO_TYPES: Final = ("audio/wav", "audio/flac", "audio/mpeg", "audio/ogg", "audio/mp4")
"""The audio that is read: wav, flac, mp3, ogg (vorbis, opus, flac), m4a (aac, alac)."""

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
"""The images that are read."""

VIDEO_TYPES: Final = ("video/mp4", "video/quicktime", "video/webm", "video/x-matroska")
"""The videos that are read. Most mp4 files do not say in their first bytes whether they hold pictures: those are told
as "audio/mp4", and whoever takes videos takes that as well."""

_PREFIXES: Final = (
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
_EBML: Final = b"\x1a\x45\xdf\xa3"
_VIDEO_BRANDS: Final = {b"qt  ": "video/quicktime", b"M4V ": "video/mp4", b"M4VH": "video/mp4", b"avc1": "video/mp4"}
_MP4_BRANDS: Final = (b"M4A ", b"M4B ", b"mp42", b"mp41", b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"dash", b"3gp4")


def sniff(head: bytes) -> str | None:
    """The IANA media type told by the first `HEAD_BYTES` bytes of a file, or None where it is nothing that is read."""
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return media_type
    if head[:4] == b"RIFF":
        return {b"WAVE": "audio/wav", b"WEBP": "image/webp"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "audio/mp4" if head[8:12] in _MP4_BRANDS else _VIDEO_BRANDS.get(head[8:12])
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head else "video/x-matroska"
    return "audio/mpeg" if _is_mp3_frame(head) else None


def _is_mp3_frame(head: bytes) -> bool:
    """Whether an MPEG audio layer III frame header stands here (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3
