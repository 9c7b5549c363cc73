"""Media in and out, with limits: what people upload is untrusted until it is decoded.

Shape, in one look::

    from luce.server.media import MediaDecoder, sniff

    sniff(head)                                  # "audio/ogg", "image/png", ... or None
    async with MediaDecoder(MediaSettings()) as decoder:   # a few worker processes, warm, killed when they hang
        probe = await decoder.probe(data)        # cheap: container, codec, duration, channels, completeness
        audio = await decoder.audio(data)        # Audio(samples float32 (n,), sample_rate, duration_s, ...)
        pixels = await decoder.image(data)       # uint8 (height, width, 3)
        video = await decoder.video(data)        # Video(frames uint8 (k, h, w, 3), times_s, cuts_s, duration_s, ...)

`audio.probe`, `audio.decode`, `image.decode` and `video.decode` are the same work in the calling process, for data that
is trusted.
"""

from __future__ import annotations

from luce.server.media.audio import Audio, AudioProbe
from luce.server.media.decoder import MediaDecoder
from luce.server.media.image import encode_png
from luce.server.media.settings import MediaSettings
from luce.server.media.sniffing import AUDIO_TYPES, IMAGE_TYPES, VIDEO_TYPES, sniff
from luce.server.media.video import Video, VideoProbe

__all__ = [
    "AUDIO_TYPES",
    "IMAGE_TYPES",
    "VIDEO_TYPES",
    "Audio",
    "AudioProbe",
    "MediaDecoder",
    "MediaSettings",
    "Video",
    "VideoProbe",
    "encode_png",
    "sniff",
]
