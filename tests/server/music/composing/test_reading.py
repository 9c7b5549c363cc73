"""MIDI files as scores: grid, metre, roles, key."""

from __future__ import annotations

import io

import mido
import numpy as np
import pytest

from luce.errors import MalformedMedia
from luce.server.music.composing.given import read_given
from luce.server.music.composing.reading import gather, grid_fit, key_of, stretches
from luce.server.music.composing.score import BASS, HARMONY, MELODY, METRES
from tests.fixtures.midi import midi_song


def written(data: bytes) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(data))


@pytest.mark.parametrize(("beats", "metre"), [(4, 0), (3, 1)])
def test_a_song_is_read_with_its_bars_tempo_and_metre(beats: int, metre: int) -> None:
    (stretch,) = stretches(gather(written(midi_song(bars=6, beats_per_bar=beats, bpm=96))))
    assert (stretch.score.metre, stretch.score.bars) == (metre, 6)
    assert stretch.bpm == pytest.approx(96, abs=0.01)
    assert stretch.last
    assert (stretch.score.onset + stretch.score.length <= stretch.score.positions).all()


def test_the_skyline_is_melody_and_the_lowest_notes_are_bass() -> None:
    (stretch,) = stretches(gather(written(midi_song(bars=4))))
    score = stretch.score
    at_first = score.onset == 0
    assert score.pitch[at_first & (score.role == MELODY)].tolist() == [score.pitch[at_first].max()]
    assert score.pitch[at_first & (score.role == BASS)].tolist() == [score.pitch[at_first].min()]
    assert (score.role == HARMONY).any()


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("root", [55, 58, 60, 66])
def test_a_key_is_found_and_its_shift_leads_to_c_major_or_a_minor(root: int, minor: bool) -> None:
    given = read_given(midi_song(bars=8, root=root, minor=minor))
    assert (given.key.tonic, given.key.minor) == (root % 12, minor)
    assert (given.key.tonic + given.key.shift) % 12 == (9 if minor else 0)
    assert -6 <= given.key.shift <= 5
    home = key_of(given.score)
    assert (home.tonic, home.minor) == (9 if minor else 0, minor)
    assert given.controls.mode == (-1 if minor else 1)


def test_what_is_played_freely_misses_the_grid() -> None:
    assert grid_fit(gather(written(midi_song(bars=8)))) == 1
    assert grid_fit(gather(written(midi_song(bars=8, free=True)))) < 0.6


def test_bars_of_an_unknown_metre_are_left_out_and_alone_are_no_piece() -> None:
    file = written(midi_song(bars=4))
    for index, message in enumerate(file.tracks[0]):
        if message.type == "time_signature":
            file.tracks[0][index] = mido.MetaMessage("time_signature", numerator=7, denominator=8, time=message.time)
    target = io.BytesIO()
    file.save(file=target)
    with pytest.raises(MalformedMedia, match="metre"):
        read_given(target.getvalue())


def test_a_piece_longer_than_its_grid_shows_every_note_once() -> None:
    (stretch,) = stretches(gather(written(midi_song(bars=12))))
    pairs = list(zip(stretch.score.onset.tolist(), stretch.score.pitch.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    assert stretch.score.positions == 12 * METRES[0].positions
    assert np.diff(stretch.score.onset).min() >= 0
