"""Pieces for every ear, tags over windows, and captions as sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.errors import MalformedMedia, Unavailable
from luce.server.jobs.together import together
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from luce.server.music.tags import tags
from services.agents.captioning import tidy
from services.agents.encoding import HeardWindows
from services.agents.listening import _share, _taken
from services.agents.tagging import pooled, sounds_like

PIECE = 10 * SAMPLE_RATE


async def blocks_of(samples: FloatArray, sizes: list[int]) -> AsyncIterator[FloatArray]:
    place = 0
    for size in sizes:
        yield samples[place : place + size]
        place += size
    yield samples[place:]


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(0, 3 * PIECE), max_size=4), length=st.integers(1, 4 * PIECE))
def test_every_ear_hears_the_whole_recording_in_pieces_of_ten_seconds(sizes: list[int], length: int) -> None:
    samples = np.arange(length, dtype=np.float32)

    async def hear(queue: asyncio.Queue[FloatArray | None]) -> list[FloatArray]:
        return [piece async for piece in _taken(queue)]

    told: list[float] = []

    async def on_seconds(seconds: float) -> None:
        told.append(seconds)

    async def run() -> list[list[FloatArray]]:
        queues: list[asyncio.Queue[FloatArray | None]] = [asyncio.Queue(2) for _ in range(2)]
        async with together() as group:
            group.create_task(_share(blocks_of(samples, sizes), queues, on_seconds))
            ears = [group.create_task(hear(queue)) for queue in queues]
        return [ear.result() for ear in ears]

    for heard in asyncio.run(run()):
        np.testing.assert_array_equal(np.concatenate(heard), samples)
        assert all(piece.size == PIECE for piece in heard[:-1])
        assert 0 < heard[-1].size <= PIECE
    assert told == [10.0 * (index + 1) for index in range(length // PIECE)]


async def test_of_several_failures_that_of_the_request_is_raised_as_it_is() -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def run() -> None:
        async with together() as group:
            group.create_task(fail(Unavailable("away")))
            group.create_task(fail(MalformedMedia("no audio")))

    with pytest.raises(MalformedMedia):
        await run()


def windows_of(*rows: dict[str, float]) -> HeardWindows:
    heard = np.full((len(rows), len(tags().entries)), 0.02, np.float32)
    for row, known in zip(heard, rows, strict=True):
        for name, value in known.items():
            row[tags().index(name)] = value
    count = len(rows)
    return HeardWindows(
        starts=10 * np.arange(count, dtype=np.float32),
        seconds=10.0 * count,
        embeddings=np.eye(384, dtype=np.float32)[:count],
        tags=heard,
        tokens=np.zeros((count, 16, 256), np.float16),
        version="1",
    )


def test_an_instrument_of_most_of_the_piece_is_of_the_piece_and_a_style_is_what_holds() -> None:
    music = {"music": 0.9}
    flute = {**music, "flute": 0.9, "folk": 0.9}
    found = pooled(windows_of(flute, flute, music))
    assert found[tags().index("flute")] == pytest.approx(0.9)
    assert found[tags().index("folk")] == pytest.approx((0.9 + 0.9 + 0.02) / 3, abs=1e-4)


def test_talk_between_songs_is_no_part_of_the_music() -> None:
    windows = windows_of({"music": 0.9, "rock": 0.8}, {"music": 0.1, "speech": 0.9, "rock": 0.0})
    found = pooled(windows)
    assert found[tags().index("rock")] == pytest.approx(0.8)
    assert found[tags().index("speech")] == pytest.approx(0.46)
    assert sounds_like(windows.tags[1]).name == "speech"


def test_the_vector_of_the_whole_has_length_one() -> None:
    whole = windows_of({}, {}, {}).embedding
    assert np.linalg.norm(whole) == pytest.approx(1.0)
    assert whole[:3] == pytest.approx(3**-0.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a calm piece for piano. it would su", "A calm piece for piano."),
        ("a  calm piece", ""),
        ("A calm piece. It is calm. It is calm.", "A calm piece. It is calm."),
        ("", ""),
        ("Drums. Bass.", "Drums. Bass."),
    ],
)
def test_a_caption_ends_with_a_whole_sentence(text: str, told: str) -> None:
    assert tidy(text) == told
