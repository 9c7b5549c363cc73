"""Key pictures and music into an animation file, in a thread that stops where the job does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import InvalidArgument
from luce.server.media import Audio
from luce.server.media.animation import encode_gif, encode_mp4
from luce.v1 import agents_pb2
from services.agents.filming import frame_count, frames_of
from services.agents.orders import AnimationFormat
from services.agents.settings import AgentsSettings

MEDIA_TYPES: Final[dict[AnimationFormat, str]] = {"mp4": "video/mp4", "gif": "image/gif"}
_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A finished animation.

    Attributes:
        data: The file.
        media_type: Its IANA media type.
        duration_s: Seconds.
        rate: Frames per second.
        sound: Whether the music is heard.
    """

    data: bytes
    media_type: str
    duration_s: float
    rate: int
    sound: bool


class Screening:
    """Makes animations.

    Args:
        settings: Rates and limits.
    """

    def __init__(self, settings: AgentsSettings) -> None:
        self._settings = settings

    def check(self, duration_s: float, kind: AnimationFormat) -> None:
        """Raise `InvalidArgument` where the music is too long for an animation."""
        most = self._settings.gif_max_s if kind == "gif" else self._settings.animation_max_s
        if duration_s > most:
            raise InvalidArgument(
                f"the music lasts {duration_s:.0f} s; a {kind} animation at most {most:g} s",
                field="audio",
                limit=f"{most:g} s",
            )

    async def show(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        times: Sequence[float],
        music: agents_pb2.MusicDescription,
        sound: Audio | None,
        kind: AnimationFormat,
        metadata: Mapping[str, str],
        on_progress: Callable[[float], Awaitable[None]],
    ) -> Film:
        """Draw and encode every frame. Where the caller is cancelled, the work ends with the frame at hand.

        Args:
            pictures: The key pictures, uint8 (height, width, 3).
            times: When each is fully seen, seconds.
            music: Its length, curve and beats.
            sound: What is heard, at `luce.server.media.animation.AUDIO_RATE`; a gif has none.
            kind: Of the file.
            metadata: Goes into the file.
            on_progress: Called with the share that is done, a few times a second.
        """
        rate = self._settings.gif_rate if kind == "gif" else self._settings.animation_rate
        count = frame_count(music.duration_s, Fraction(rate))
        drawn = 0
        stopped = threading.Event()

        def frames() -> Iterator[NDArray[np.uint8]]:
            nonlocal drawn
            for frame in frames_of(pictures, times, music, Fraction(rate)):
                if stopped.is_set():
                    raise InterruptedError
                yield frame
                drawn += 1

        def encode() -> bytes:
            if kind == "gif":
                return encode_gif(frames(), Fraction(rate), metadata)
            return encode_mp4(frames(), Fraction(rate), sound, metadata)

        work = asyncio.ensure_future(asyncio.to_thread(encode))
        # Where nobody waits any more, nobody asks how it ended either.
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            while not (await asyncio.wait({work}, timeout=_LOOK_S))[0]:
                await on_progress(drawn / count)
        finally:
            stopped.set()
        heard = kind == "mp4" and sound is not None
        return Film(work.result(), MEDIA_TYPES[kind], count / rate, rate, heard)
