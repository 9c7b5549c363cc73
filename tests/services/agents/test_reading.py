from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music.emotion_input import note_rows
from luce.server.music.midi import read_midi
from luce.server.music.programs import ensemble_of, instruments_of
from luce.v1 import agents_pb2
from services.agents.reading import key_of, measured, orchestra_of, tempo_of
from services.agents.summary import summarize
from tests.fixtures.midi import midi_song


def read(data: bytes) -> agents_pb2.MusicDescription:
    """The description but for the emotion, which rises from the first window to the last."""
    piece = read_midi(data)
    count = len(note_rows(piece.notes, piece.seconds, written=True))
    emotion = np.stack([np.linspace(-0.5, 0.5, count), np.full(count, 0.25)], axis=1).astype(np.float32)
    music = measured(piece, emotion, np.full((count, 2), 0.2, np.float32))
    music.summary = summarize(music)
    return music


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("bpm", [60.0, 150.0])
def test_tempo_beats_and_metre_are_those_that_are_written_where_the_notes_keep_to_them(
    bpm: float, beats_per_bar: int
) -> None:
    music = read(midi_song(bpm=bpm, beats_per_bar=beats_per_bar))
    assert music.tempo_bpm == pytest.approx(bpm, rel=1e-3)
    assert music.time_signature == f"{beats_per_bar}/4"
    assert music.tempo_confidence == music.time_signature_confidence > 0.8
    assert np.diff(music.beat_times) == pytest.approx(60 / bpm, abs=1e-3)


def test_what_is_played_freely_has_no_tempo_whatever_the_file_says() -> None:
    music = read(midi_song(free=True, bars=16))
    assert music.tempo_bpm == 0
    assert music.time_signature == ""
    assert not music.beat_times
    assert "without a clear beat" in music.summary


def test_a_file_that_says_nothing_of_its_tempo_has_none() -> None:
    music = read(midi_song(bpm=None))
    assert (music.tempo_bpm, music.tempo_confidence, music.time_signature) == (0, 0, "")


@pytest.mark.parametrize(
    ("root", "minor", "name"),
    [(60, False, "C major"), (57, True, "A minor"), (67, False, "G major"), (61, True, "C# minor")],
)
def test_the_key_is_that_of_the_notes(root: int, minor: bool, name: str) -> None:
    music = read(midi_song(root=root, minor=minor))
    assert music.key == name
    assert music.key_confidence >= 0.5


def test_one_note_has_no_key() -> None:
    piece = read_midi(midi_song(bars=1))
    single = piece.notes.between(0.0, 0.01)
    assert key_of(single, 0.01).tonic is None


def test_louder_velocities_are_louder() -> None:
    soft, loud = read(midi_song(velocity=25)), read(midi_song(velocity=120))
    assert loud.loudness_lufs > soft.loudness_lufs + 10
    assert not soft.silent


def test_the_curve_has_a_point_a_second_and_the_whole_lies_between_its_mean_and_the_last_row() -> None:
    music = read(midi_song(bars=8))
    starts = [point.start_s for point in music.curve.points]
    assert starts == pytest.approx(range(len(starts)))
    assert len(starts) == 11
    assert music.curve.points[0].emotion.valence == pytest.approx(-0.5)
    mean = np.linspace(-0.5, 0.5, 12)[:-1].mean()
    assert (music.emotion.valence, music.emotion.arousal) == pytest.approx(((0.5 + mean) / 2, 0.25))


def test_instruments_and_style_are_those_of_the_file() -> None:
    instruments, styles = orchestra_of(read_midi(midi_song()))
    assert (instruments, styles) == (("piano",), ("solo piano",))


@pytest.mark.parametrize(
    ("programs", "drums", "instruments", "style"),
    [
        ((40, 42, 0), False, ("violin", "cello", "piano"), "chamber"),
        ((48, 56, 47, 73, 60), False, ("strings", "trumpet", "timpani", "flute", "French horn"), "orchestral"),
        ((33, 27, 0), True, ("bass", "electric guitar", "piano", "drums"), "band"),
        ((81, 90), True, ("synthesizer", "drums"), "electronic"),
        ((104, 0), False, ("sitar", "piano"), ""),
    ],
)
def test_an_ensemble_tells_what_it_plays_as_far_as_its_instruments_do(
    programs: tuple[int, ...], drums: bool, instruments: tuple[str, ...], style: str
) -> None:
    assert instruments_of(programs, drums=drums) == instruments
    assert ensemble_of(instruments) == style


def test_the_tempo_that_holds_for_longest_counts() -> None:
    assert tempo_of(read_midi(midi_song(bpm=90.0))) == pytest.approx(90.0, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(bars=st.integers(1, 12), beats=st.integers(1, 7), bpm=st.floats(20, 300), root=st.integers(36, 90))
def test_every_song_has_a_description_within_bounds(bars: int, beats: int, bpm: float, root: int) -> None:
    music = read(midi_song(bars=bars, beats_per_bar=beats, bpm=bpm, root=root))
    assert music.duration_s > 0
    assert 0 <= music.tempo_confidence <= 1
    assert 0 <= music.key_confidence <= 1
    assert all(0 <= time <= music.duration_s + 60 / bpm for time in music.beat_times)
