"""Music that goes on from a MIDI file."""

from __future__ import annotations

import pytest

from luce.server.music.composing.given import read_given
from luce.server.music.composing.varying import likeness
from luce.v1 import jobs_pb2
from tests.fixtures.midi import midi_song
from tests.services.mapping.conftest import Hall, pieces_of

pytestmark = pytest.mark.timeout(300)

WALTZ = midi_song(bars=12, beats_per_bar=3, bpm=96.0, root=62, minor=True)


async def test_music_goes_on_in_key_metre_and_about_the_tempo_of_what_is_given(hall: Hall) -> None:
    job = await hall.go_on(WALTZ)
    (piece,) = pieces_of(job)
    assert (piece.key, piece.time_signature) == ("D minor", "3/4")
    assert piece.tempo_bpm == pytest.approx(96, rel=0.2)
    assert "text_encoder" not in job.models
    (again,) = pieces_of(await hall.go_on(WALTZ))
    assert await hall.get(again.midi) == await hall.get(piece.midi)


async def test_words_and_options_turn_it_where_they_want(hall: Hall) -> None:
    job = await hall.go_on(WALTZ, "A joyful wedding party dances in the sunshine.", key="E minor", tempo_bpm=120.0)
    (piece,) = pieces_of(job)
    assert (piece.key, piece.tempo_bpm) == ("E minor", 120)
    assert job.result.compose.chain[0].stage == "read"


async def test_a_variation_is_as_long_as_its_theme_and_keeps_the_bars_that_are_not_written_anew(hall: Hall) -> None:
    job = await hall.go_on(WALTZ, seconds=None, variation=0.5)
    (piece,) = pieces_of(job)
    assert (piece.key, piece.time_signature) == ("D minor", "3/4")
    assert piece.tempo_bpm == pytest.approx(96, abs=0.01)
    given, varied = read_given(WALTZ), read_given(await hall.get(piece.midi))
    assert piece.duration_s == pytest.approx(given.seconds, abs=0.01)
    assert varied.score.bars == given.score.bars
    assert 0.4 < likeness(given.score, varied.score) < 0.99
    (again,) = pieces_of(await hall.go_on(WALTZ, seconds=None, variation=0.5))
    assert await hall.get(again.midi) == await hall.get(piece.midi)
    (major,) = pieces_of(await hall.go_on(WALTZ, variation=1.0, key="D major", stream=True))
    assert (major.key, major.duration_s) == ("D major", 8)


@pytest.mark.parametrize(
    ("midi", "time_signature", "code", "field"),
    [
        (b"MThd but no more", "", "malformed_media", "midi"),
        (WALTZ[:60], "", "malformed_media", "midi"),
        (WALTZ, "4/4", "invalid_argument", "time_signature"),
    ],
)
async def test_what_cannot_be_gone_on_from_is_told(
    hall: Hall, midi: bytes, time_signature: str, code: str, field: str
) -> None:
    job = await hall.go_on(midi, time_signature=time_signature)
    assert job.state == jobs_pb2.JOB_STATE_FAILED
    assert (job.problem.code, job.problem.field, job.attempts) == (code, field, 1)
