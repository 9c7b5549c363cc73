"""Descriptors of notes mean what their names say, for a whole piece and for a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music.note_descriptors import (
    NOTE_DESCRIPTOR_COUNT,
    NOTE_DESCRIPTOR_NAMES,
    describe_notes,
)
from luce.server.music.notes import Notes

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def chords(triad: Sequence[int], beat: float = 0.5, root: int = 60, count: int = 32, held: float = 0.9) -> Notes:
    rows = [
        (beat * index, beat * (index + held), root + degree + step, 0.6)
        for index in range(count)
        for degree in ((0, 5, 7, 0)[index // 4 % 4],)
        for step in (*triad, -12)
    ]
    return Notes.sorted(*zip(*rows, strict=True))


def whole(notes: Notes) -> dict[str, float]:
    seconds = float(notes.offset_s.max())
    values = describe_notes(notes, np.zeros(1), seconds, seconds=seconds, written=True)
    assert values.shape == (1, NOTE_DESCRIPTOR_COUNT)
    return dict(zip(NOTE_DESCRIPTOR_NAMES, values[0].tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("mode_score", chords(MINOR), chords(MAJOR)),
        ("mode_score_local", chords(MINOR), chords(MAJOR)),
        ("bass_tonic", chords(MINOR), chords(MAJOR)),
        ("note_rate", chords(MAJOR, beat=1.0), chords(MAJOR, beat=0.25)),
        ("event_rate", chords(MAJOR, beat=1.0), chords(MAJOR, beat=0.25)),
        ("gap_median", chords(MAJOR, beat=0.25), chords(MAJOR, beat=1.0)),
        ("duration", chords(MAJOR, held=0.3), chords(MAJOR, held=0.95)),
        ("articulation", chords(MAJOR, held=0.3), chords(MAJOR, held=0.95)),
        ("silence", chords(MAJOR, held=0.95), chords(MAJOR, held=0.3)),
        ("register", chords(MAJOR, root=48), chords(MAJOR, root=72)),
        ("bass", chords(MAJOR, root=48), chords(MAJOR, root=72)),
        ("low_share", chords(MAJOR, root=72), chords(MAJOR, root=40)),
        ("semitones", chords(MAJOR), chords((0, 1, 2))),
        ("tritones", chords(MAJOR), chords((0, 3, 6))),
        ("chroma_entropy", chords(MAJOR, count=4), chords((0, 1, 2, 3, 4, 5, 6))),
        ("polyphony", chords((0,)), chords((0, 4, 7, 11, 14))),
    ],
)
def test_a_descriptor_rises_with_what_it_names(name: str, less: Notes, more: Notes) -> None:
    assert whole(more)[name] > whole(less)[name] + 0.02


def test_a_transposition_leaves_harmony_and_rhythm_alone() -> None:
    low, high = whole(chords(MINOR, root=57)), whole(chords(MINOR, root=62))
    for name in NOTE_DESCRIPTOR_NAMES:
        if name not in ("register", "bass", "top", "low_share"):
            assert high[name] == pytest.approx(low[name], abs=1e-4), name


def test_windows_hear_what_sounds_in_them() -> None:
    early, late = chords(MAJOR, count=20), chords(MINOR, root=72, count=20, beat=1.0)
    notes = Notes.sorted(
        np.concatenate([early.onset_s, late.onset_s + 10]),
        np.concatenate([early.offset_s, late.offset_s + 10]),
        np.concatenate([early.pitch, late.pitch]),
        np.concatenate([early.amplitude, late.amplitude]),
    )
    values = describe_notes(notes, np.arange(25.0), 5.0, seconds=30.0, written=False)
    rate, register = (values[:, NOTE_DESCRIPTOR_NAMES.index(name)] for name in ("event_rate", "register"))
    assert rate[2] > rate[15] + 0.5
    assert register[15] > register[2] + 0.8


def test_a_window_without_notes_is_empty_but_for_its_flags() -> None:
    notes = Notes.sorted([0.0], [1.0], [60], [0.5])
    values = describe_notes(notes, np.array([0.0, 12.0]), 5.0, seconds=20.0, written=True)
    silent = dict(zip(NOTE_DESCRIPTOR_NAMES, values[1].tolist(), strict=True))
    assert (silent["silence"], silent["written"], silent["whole"]) == (1.0, 1.0, 0.0)
    assert not any(
        value for name, value in silent.items() if name not in ("silence", "written", "note_rate", "event_rate")
    )


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(0, 20), st.floats(0.01, 8), st.integers(0, 127), st.floats(0, 1)), max_size=60),
    length=st.sampled_from([0.5, 5.0, 30.0]),
)
def test_any_notes_give_finite_descriptors(rows: list[tuple[float, float, int, float]], length: float) -> None:
    onset, duration, pitch, amplitude = zip(*rows, strict=True) if rows else ((), (), (), ())
    notes = Notes.sorted(onset, np.array(onset) + np.array(duration), pitch, amplitude)
    values = describe_notes(notes, np.arange(0, 30, 3.0), length, seconds=30.0, written=False)
    assert values.shape == (10, NOTE_DESCRIPTOR_COUNT)
    assert np.isfinite(values).all()
