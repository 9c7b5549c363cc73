"""Sound into files, by ffmpeg's libraries (PyAV). The same samples give the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One format of file.

    Attributes:
        muxer: ffmpeg's name.
        encoder: ffmpeg's name.
        sample_format: What the encoder takes.
        media_type: IANA media type.
        sample_rate: Hz, where the encoder takes no other; None: that of the samples.
        bit_rate: Bits a second; None: as it comes out.
    """

    muxer: str
    encoder: str
    sample_format: str
    media_type: str
    sample_rate: int | None = None
    bit_rate: int | None = None


FORMATS: Final[dict[str, AudioFormat]] = {
    "wav": AudioFormat("wav", "pcm_s16le", "s16", "audio/wav"),
    "flac": AudioFormat("flac", "flac", "s16", "audio/flac"),
    # Opus knows 48 kHz alone; ffmpeg's own Vorbis encoder is experimental.
    "ogg": AudioFormat("ogg", "libopus", "flt", "audio/ogg", sample_rate=48_000, bit_rate=128_000),
    "mp3": AudioFormat("mp3", "libmp3lame", "fltp", "audio/mpeg", bit_rate=192_000),
}
"""File suffix to format."""


def encode(samples: FloatArray, name: str, sample_rate: int = 44_100) -> bytes:
    """A file of stereo samples, (n, 2) float32 with full scale [-1, 1].

    Args:
        samples: What to write; clipped to full scale.
        name: One of `FORMATS`.
        sample_rate: Hz, of the samples.

    Raises:
        KeyError: There is no such format.
    """
    chosen = FORMATS[name]
    if name == "wav":
        return encode_wav(samples, sample_rate)
    target = io.BytesIO()
    # Bit-exact: no version of the library and no random serial number in the file.
    with av.open(target, "w", format=chosen.muxer, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(chosen.encoder, rate=chosen.sample_rate or sample_rate)
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{chosen.encoder} encodes no sound")
        stream.codec_context.layout = "stereo"
        stream.codec_context.format = chosen.sample_format
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        if chosen.bit_rate is not None:
            stream.codec_context.bit_rate = chosen.bit_rate
        for frame in frames(samples, sample_rate):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def frames(samples: FloatArray, sample_rate: int) -> list[av.AudioFrame]:
    """The samples as frames of a second, for an encoder."""
    clipped = np.clip(samples, -1.0, 1.0)
    made = []
    for start in range(0, len(clipped), sample_rate):
        block = np.ascontiguousarray(clipped[start : start + sample_rate].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), start
        made.append(frame)
    return made


def encode_wav(samples: FloatArray, sample_rate: int = 44_100) -> bytes:
    """A WAV file, 16 bit, of stereo samples: written by hand, since a chunk of sound needs no library."""
    data = np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    head = b"WAVEfmt " + (16).to_bytes(4, "little") + (1).to_bytes(2, "little") + (2).to_bytes(2, "little")
    head += sample_rate.to_bytes(4, "little") + (4 * sample_rate).to_bytes(4, "little")
    head += (4).to_bytes(2, "little") + (16).to_bytes(2, "little")
    body = head + b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + len(body).to_bytes(4, "little") + body
