"""Moving pictures out: frames (and the music) to mp4, by ffmpeg's libraries (PyAV), or frames alone to gif."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from luce.server.media.audio import Audio

AUDIO_RATE: Final = 44100
"""Sample rate of the music in an animation, Hz."""

_AUDIO_BITS: Final = 128_000
# H.264 with one thread: the bytes then depend on the frames alone. CRF 20 is near what the eye tells apart.
_VIDEO_OPTIONS: Final = {"crf": "20", "preset": "veryfast", "threads": "1"}
_GIF_COLOURS: Final = 128


def encode_mp4(
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    music: Audio | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """An mp4 file: H.264 in 4:2:0, AAC, its index in front, so that it plays while it loads.

    The same frames, music and metadata give the same bytes.

    Args:
        frames: RGB, uint8 (height, width, 3), all of one size, both sides even; at least one. Taken one by one.
        rate: Frames per second.
        music: What is heard from the first frame on, at `AUDIO_RATE`; None: silent. It is heard to its end.
        metadata: Such as "title" or "comment"; players know few keys, others are dropped.

    Raises:
        ValueError: A frame has another shape or type, or the music another sample rate; or there is no frame.
    """
    if music is not None and music.sample_rate != AUDIO_RATE:
        raise ValueError(f"the music has {music.sample_rate} Hz, not {AUDIO_RATE}")
    # A real file: ffmpeg opens it again to move the index to the front.
    with tempfile.TemporaryDirectory(prefix="luce-animation-") as folder:
        path = Path(folder) / "animation.mp4"
        _write_mp4(path, frames, rate, music, metadata or {})
        return path.read_bytes()


def _write_mp4(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    music: Audio | None,
    metadata: Mapping[str, str],
) -> None:
    options = {"movflags": "faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata.update(metadata)
        video = container.add_stream("libx264", rate=rate, options=dict(_VIDEO_OPTIONS))
        sound = None if music is None else _SoundTrack(container, music)
        index = -1
        for index, pixels in enumerate(frames):
            _check(pixels, even=True)
            if index == 0:
                video.height, video.width = pixels.shape[:2]
                video.pix_fmt = "yuv420p"
            elif pixels.shape != (video.height, video.width, 3):
                raise ValueError(f"frame {index} is {pixels.shape}, the first ({video.height}, {video.width}, 3)")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(video.encode(frame))
            if sound is not None:
                sound.write((index + 1) / rate)
        if index < 0:
            raise ValueError("there is no frame")
        container.mux(video.encode(None))
        if sound is not None:
            sound.finish()


def encode_gif(frames: Iterable[NDArray[np.uint8]], rate: Fraction, metadata: Mapping[str, str] | None = None) -> bytes:
    """A gif file that repeats for ever, 128 colours a frame. The same frames give the same bytes.

    Args:
        frames: RGB, uint8 (height, width, 3), at least one. Taken one by one; held as palettes, a byte a pixel.
        rate: Frames per second. Gif counts hundredths of a second: what is lost is made up for in later frames.
        metadata: Goes into the file's comment, a line for each key.

    Raises:
        ValueError: A frame has another shape or type, or there is none.
    """
    held: list[Image.Image] = []
    for pixels in frames:
        _check(pixels, even=False)
        picture = Image.fromarray(np.ascontiguousarray(pixels), "RGB")
        held.append(picture.quantize(_GIF_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    if not held:
        raise ValueError("there is no frame")
    ends = [round(100 * (index + 1) / rate) for index in range(len(held))]
    lengths = [10 * (end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    target = io.BytesIO()
    held[0].save(
        target,
        "GIF",
        save_all=True,
        append_images=held[1:],
        duration=lengths,
        loop=0,
        comment="\n".join(f"{key}: {value}" for key, value in (metadata or {}).items()).encode(),
    )
    return target.getvalue()


class _SoundTrack:
    """The music of a container, written little by little beside the frames, so that players need not seek."""

    def __init__(self, container: av.container.OutputContainer, music: Audio) -> None:
        self._container = container
        self._samples = music.samples
        self._stream = container.add_stream("aac", rate=AUDIO_RATE, layout="mono")
        self._stream.bit_rate = _AUDIO_BITS
        self._written = 0

    def write(self, until_s: Fraction) -> None:
        """Write what is heard before this moment, in whole frames of the codec."""
        size = self._stream.codec_context.frame_size or 1024
        end = min(int(until_s * AUDIO_RATE), len(self._samples))
        while self._written < end:
            part = self._samples[self._written : self._written + size]
            # The last frame may be short.
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part)[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, self._written, Fraction(1, AUDIO_RATE)
            self._container.mux(self._stream.encode(frame))
            self._written += len(part)

    def finish(self) -> None:
        """Write the rest."""
        self.write(Fraction(len(self._samples), AUDIO_RATE))
        self._container.mux(self._stream.encode(None))


def _check(pixels: NDArray[np.uint8], *, even: bool) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"a frame must be uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    if even and (pixels.shape[0] % 2 or pixels.shape[1] % 2):
        raise ValueError(f"a frame must have even sides, not {pixels.shape[1]}x{pixels.shape[0]}")
