from __future__ import annotations

import asyncio
import io
import threading

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from luce.errors import InvalidArgument
from luce.server.media import Audio
from luce.server.media.animation import AUDIO_RATE
from luce.v1 import agents_pb2
from services.agents import screening
from services.agents.orders import AnimationFormat
from services.agents.screening import Film, Screening
from services.agents.settings import AgentsSettings
from tests.services.agents.music import described

PICTURES = [np.full((64, 96, 3), level, np.uint8) for level in (40, 200)]


async def nothing(_: float) -> None:
    return None


async def show(kind: AnimationFormat, sound: Audio | None = None, duration: float = 2.0) -> Film:
    music = described(duration=duration)
    return await Screening(AgentsSettings()).show(
        PICTURES, [0.0, duration], music, sound, kind, {"comment": "seed 7"}, nothing
    )


async def test_an_mp4_is_as_long_as_the_music_and_sounds_where_there_is_sound() -> None:
    sound = Audio(np.zeros(2 * AUDIO_RATE, np.float32), AUDIO_RATE, 2.0, 1, "flac", "audio/flac")
    film, silent = await show("mp4", sound), await show("mp4")
    assert (film.media_type, film.duration_s, film.rate, film.sound) == ("video/mp4", 2.0, 24, True)
    assert not silent.sound
    with av.open(io.BytesIO(film.data), "r") as container:
        assert container.streams.video[0].frames == 48
        assert container.metadata["comment"] == "seed 7"


async def test_a_gif_is_as_long_and_has_no_sound() -> None:
    sound = Audio(np.zeros(AUDIO_RATE, np.float32), AUDIO_RATE, 1.0, 1, "flac", "audio/flac")
    film = await show("gif", sound)
    assert (film.media_type, film.rate, film.sound) == ("image/gif", 8, False)
    with Image.open(io.BytesIO(film.data)) as gif:
        # Frames that are the same are kept as one that lasts longer.
        assert sum(frame.info["duration"] for frame in ImageSequence.Iterator(gif)) == 2000


@pytest.mark.parametrize(("kind", "most"), [("mp4", 600.0), ("gif", 120.0)])
def test_music_that_is_too_long_is_refused_with_the_limit(kind: AnimationFormat, most: float) -> None:
    Screening(AgentsSettings()).check(most, kind)
    with pytest.raises(InvalidArgument) as caught:
        Screening(AgentsSettings()).check(most + 1, kind)
    assert (caught.value.field, caught.value.limit) == ("audio", f"{most:g} s")


async def test_the_work_ends_where_the_caller_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(*_: object) -> object:
        try:
            while True:
                begun.set()
                yield PICTURES[0]
        finally:
            ended.set()

    monkeypatch.setattr(screening, "frames_of", endless)
    work = asyncio.create_task(show("mp4"))
    await asyncio.to_thread(begun.wait, 20)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await asyncio.to_thread(ended.wait, 20)


async def test_an_error_of_the_encoder_reaches_the_caller() -> None:
    odd = [np.zeros((63, 96, 3), np.uint8)] * 2
    with pytest.raises(ValueError, match="even sides"):
        await Screening(AgentsSettings()).show(
            odd, [0.0, 1.0], agents_pb2.MusicDescription(duration_s=1.0), None, "mp4", {}, nothing
        )
