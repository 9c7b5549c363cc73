"""Tempo, beats and metre from sound and notes together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music.analysis import analyze
from luce.server.music.metre import METRES, RATIOS, _networks, classify, estimate_metre
from luce.server.music.metre_features import FEATURE_COUNT, LAGS, STREAMS, metre_features
from luce.server.music.metre_layout import ROWS, lay_out
from luce.server.music.notes import Notes
from luce.server.music.onsets import ONSET_FRAMES_PER_SECOND
from luce.server.music.pulse import Pulse, follow_pulse, note_envelope
from luce.server.music.rhythm import estimate_rhythm
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from tests.server.music import signals
from tests.server.music.transcriber import transcribe


def dance(beats_per_bar: int, bpm: float, seconds: float = 30.0, parts: int = 2) -> Notes:
    """A bass on the first beat, chords on the others, a melody in ``parts`` notes a beat."""
    rows: list[tuple[float, float, int, float]] = []
    degrees = (0, 5, 7, 0, 9, 5, 7, 0)
    for beat in range(int(seconds * bpm / 60)):
        root = 60 + degrees[beat // beats_per_bar % 8]
        if beat % beats_per_bar == 0:
            rows.append((beat, 0.9, root - 24, 0.8))
        else:
            rows += [(beat, 0.4, root + step, 0.5) for step in (0, 4, 7)]
        rows += [
            (beat + part / parts, 0.9 / parts, root + 12 + (0, 4, 7, 12)[(beat % beats_per_bar + part) % 4], 0.6)
            for part in range(parts)
        ]
    onset, length, pitch, amplitude = (np.array(column) for column in zip(*rows, strict=True))
    return Notes.sorted(onset * 60 / bpm, (onset + length) * 60 / bpm, pitch, amplitude)


def silent(notes: Notes) -> FloatArray:
    return np.zeros(int(float(notes.offset_s.max(initial=4.0)) * ONSET_FRAMES_PER_SECOND) + 20, np.float32)


@pytest.mark.parametrize("bpm", [84.0, 108.0, 132.0])
@pytest.mark.parametrize("beats_per_bar", [3, 4])
def test_tempo_and_metre_of_a_dance_are_found(bpm: float, beats_per_bar: int) -> None:
    notes = dance(beats_per_bar, bpm)
    tempo, metre = estimate_rhythm(silent(notes), notes)
    assert tempo.bpm is not None
    assert any(abs(found / bpm - 1) < 0.04 for found in (tempo.bpm, *tempo.alternatives))
    assert metre.name == f"{beats_per_bar}/4"
    assert metre.beats_per_bar == beats_per_bar


def test_a_pulse_that_quickens_is_followed() -> None:
    steady = dance(4, 100.0, 40.0)
    onset, offset = (35 * np.log1p(times / 35) for times in (steady.onset_s, steady.offset_s))
    notes = Notes.sorted(onset, offset, steady.pitch, steady.amplitude)
    pulse = follow_pulse(note_envelope(notes, silent(notes).size))
    assert pulse.periods[0] / pulse.periods[-1] > 1.4
    tempo, _ = estimate_rhythm(silent(notes), notes)
    assert tempo.bpm is not None
    intervals = np.diff(tempo.beat_times)
    assert intervals[:4].mean() > 1.3 * intervals[-4:].mean()


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_few_notes_have_no_rhythm(count: int) -> None:
    onset = np.arange(count) * 0.5
    notes = Notes.sorted(onset, onset + 0.4, np.full(count, 60), np.full(count, 0.6))
    tempo, metre = estimate_rhythm(silent(notes), notes)
    assert (tempo.bpm, tempo.beat_times, metre.name) == (None, (), None)


@given(
    times=st.lists(st.floats(0, 30), min_size=1, max_size=20), period=st.floats(0.25, 1.5), drift=st.floats(0.6, 1.5)
)
def test_seconds_and_phase_are_inverses_of_each_other(times: list[float], period: float, drift: float) -> None:
    pulse = Pulse(np.array([4.0, 14.0, 24.0]), np.array([period, period * drift, period]))
    assert pulse.seconds(pulse.phase(times)) == pytest.approx(np.array(times), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(st.floats(0, 28), st.floats(0.05, 3), st.integers(21, 108)), min_size=20, max_size=99))
def test_any_notes_give_probabilities(rows: list[tuple[float, float, int]]) -> None:
    onset, length, pitch = (np.array(column) for column in zip(*rows, strict=True))
    notes = Notes.sorted(onset, onset + length, pitch, np.full(len(rows), 0.5))
    metre, ratios = estimate_metre(notes, follow_pulse(note_envelope(notes, silent(notes).size)))
    assert 0 <= metre.confidence <= 1
    assert ratios.sum() == pytest.approx(1)
    assert ratios.shape == (len(RATIOS),)


def test_what_comes_again_each_bar_stands_out_at_the_lag_of_a_bar() -> None:
    notes = dance(3, 120.0)
    pulse = Pulse(np.array([0.0, 30.0]), np.array([0.5, 0.5]))
    features = metre_features(notes, pulse)
    assert features.shape == (FEATURE_COUNT,)
    table = dict(zip(STREAMS, features[:-2].reshape(len(STREAMS), len(LAGS)), strict=True))
    for stream in ("bass", "chords"):
        repeats = dict(zip(LAGS, table[stream].tolist(), strict=True))
        assert repeats[3.0] > max(repeats[2.0], repeats[4.0]) + 0.2, stream


def test_the_metre_of_a_long_piece_is_told_by_its_middle() -> None:
    short = dance(4, 120.0, seconds=600.0)
    repeats = [
        Notes.sorted(short.onset_s + at, short.offset_s + at, short.pitch, short.amplitude) for at in (0, 600, 1200)
    ]
    parts = (
        np.concatenate([getattr(part, name) for part in repeats])
        for name in ("onset_s", "offset_s", "pitch", "amplitude")
    )
    pulse = Pulse(np.array([0.0, 1800.0]), np.array([0.5, 0.5]))
    metre, ratios = estimate_metre(Notes.sorted(*parts), pulse)
    alone, its_ratios = estimate_metre(short, pulse)
    assert (metre.name, alone.name) == ("4/4", "4/4")
    assert metre.confidence == pytest.approx(alone.confidence, abs=0.1)
    assert ratios == pytest.approx(its_ratios, abs=0.1)


def test_a_long_piece_that_is_silent_in_the_middle_has_a_metre() -> None:
    played = dance(3, 120.0)
    late = Notes.sorted(played.onset_s + 3000, played.offset_s + 3000, played.pitch, played.amplitude)
    parts = (
        np.concatenate([getattr(part, name) for part in (played, late)])
        for name in ("onset_s", "offset_s", "pitch", "amplitude")
    )
    pulse = Pulse(np.array([0.0, 3000.0]), np.array([0.5, 0.5]))
    assert estimate_metre(Notes.sorted(*parts), pulse)[0].name == "3/4"


@pytest.mark.parametrize("times", [1 / 2, 2 / 3, 1.0, 3 / 2, 2.0])
def test_the_metre_is_told_on_the_grid_of_a_multiple_of_the_pulse_too(times: float) -> None:
    for beats in (3, 4):
        pulse = Pulse(np.array([0.0, 30.0]), np.array([0.5, 0.5]) * times)
        metres, ratios = classify(dance(beats, 120.0), pulse)
        assert METRES[int(metres.argmax())] == f"{beats}/4"
        if times in (0.5, 1.0, 2.0):
            assert RATIOS[int(ratios.argmax())] == pytest.approx(1 / times)


def test_strange_features_are_clipped() -> None:
    notes = dance(3, 120.0)
    layout = lay_out(notes, Pulse(np.array([0.0, 30.0]), np.array([0.5, 0.5])))
    (network, *_) = _networks()
    strange, stranger = (network(layout, np.full(FEATURE_COUNT, value, np.float32)) for value in (1e9, 1e30))
    assert np.isfinite(strange).all()
    assert strange.tolist() == stranger.tolist()


def test_an_onset_between_two_bins_is_shared_by_them() -> None:
    notes = Notes.sorted([0.0, 1.0 + 0.5 / 24], [0.5, 1.5], [60, 64], [0.64, 0.64])
    layout = lay_out(notes, Pulse(np.array([0.0, 2.0]), np.array([0.5, 0.5])))
    assert layout.shape[0] == ROWS
    assert layout[0, [0, 1]].tolist() == pytest.approx([0.8, 0.0], abs=1e-3)
    assert np.square(layout[0, [24, 25]]) == pytest.approx([0.32, 0.32], abs=0.02)
    assert (layout[5 + 60 % 12, 1:11] == layout[5 + 60 % 12, 0]).all()


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10 * SAMPLE_RATE, np.float32),
        signals.noise(20),
        signals.sine(440, 20),
        signals.babble(20),
        signals.babble(20, seed=5),
        np.eye(1, round(0.3 * SAMPLE_RATE), dtype=np.float32)[0],
    ],
    ids=["silence", "noise", "sine", "babble", "other babble", "click"],
)
def test_what_is_transcribed_from_no_music_has_neither_tempo_nor_metre_nor_key(samples: FloatArray) -> None:
    found = analyze(samples, notes=transcribe(samples))
    assert (found.tempo.bpm, found.metre.name, found.key.tonic) == (None, None, None)
