"""Arrangements: who is named is heard, and who is heard is named."""

from __future__ import annotations

import numpy as np
import pretty_midi
import pytest

from luce.server.music.log_mel import WINDOW_SECONDS
from luce.server.music.tags import tags
from training.audio_encoder import programs
from training.audio_encoder.arranging import arrange, cut, split_voices


def chorale() -> list[pretty_midi.Note]:
    """Four voices, a chord every half second."""
    chords = [(48, 55, 64, 72), (43, 59, 62, 74), (45, 57, 60, 76), (41, 57, 60, 72)]
    return [
        pretty_midi.Note(80, pitch, 0.5 * index, 0.5 * index + 0.45)
        for index in range(24)
        for pitch in chords[index % 4]
    ]


def test_every_program_of_a_label_belongs_to_that_label_alone() -> None:
    names = [name for name in tags().names if name in programs.PROGRAMS]
    assert set(programs.PROGRAMS) | {programs.DRUMS} == {tags().names[c] for c in tags().columns("instruments")}
    numbers = [program for name in names for program in programs.PROGRAMS[name]]
    assert len(numbers) == len(set(numbers))
    assert all(programs.LABEL_OF[program] == name for name in names for program in programs.PROGRAMS[name])


@pytest.mark.parametrize("kind", ["own", "solo", "duo", "orchestra", "band", "folk", "game"])
def test_the_named_instruments_are_those_that_play(kind: str) -> None:
    beats = np.arange(0, 10.5, 0.5).tolist()
    for seed in range(20):
        parts = [(0, cut(chorale(), 0.0))]
        made = arrange(parts, kind, beats, np.random.default_rng(seed))
        assert made is not None
        playing = {programs.DRUMS if p.is_drum else programs.LABEL_OF[p.program] for p in made.midi.instruments}
        assert playing == set(made.instruments)
        assert all(len(part.notes) >= 3 for part in made.midi.instruments)
        assert made.midi.get_end_time() <= WINDOW_SECONDS + 0.2
        if kind == "solo":
            assert len(made.instruments) == 1
        if kind == "band":
            assert "drums" in made.instruments


def test_voices_are_the_outer_notes_and_what_lies_between() -> None:
    melody, middle, bass = split_voices(cut(chorale(), 0.0))
    assert {note.pitch for note in melody} == {72, 74, 76}
    assert {note.pitch for note in bass} == {48, 43, 45, 41}
    assert len(middle) == 2 * len(melody)


def test_a_window_without_notes_has_no_arrangement() -> None:
    assert arrange([(0, cut(chorale(), 60.0))], "solo", [], np.random.default_rng(0)) is None
