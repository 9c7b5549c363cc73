"""Tempo and beats: found where they are, not invented where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music.analysis import analyze
from luce.server.music.onsets import band_levels, onset_envelope, pick_onsets
from luce.server.music.spectra import SAMPLE_RATE
from tests.server.music import signals


@settings(max_examples=15, deadline=None)
@given(bpm=st.floats(70, 150), tonic=st.integers(0, 11), mode=st.sampled_from(["major", "minor"]))
def test_the_tempo_of_accented_chords_is_found_up_to_an_octave(bpm: float, tonic: int, mode: str) -> None:
    found = analyze(signals.progression(tonic, mode, bpm, 20)).tempo
    assert found.bpm is not None
    assert min(abs(found.bpm / bpm / factor - 1) for factor in (0.5, 1, 2)) < 0.04


@pytest.mark.parametrize("bpm", [72, 90, 100, 112, 120])
def test_the_tempo_of_chords_on_every_beat_is_exact_in_the_middle_range(bpm: float) -> None:
    found = analyze(signals.progression(0, "major", bpm, 24)).tempo
    assert found.bpm == pytest.approx(bpm, rel=0.02)
    assert found.confidence > 0.8


def test_beats_fall_on_the_chords() -> None:
    found = analyze(signals.progression(0, "major", 100, 20)).tempo
    beats = np.array(found.beat_times)
    assert len(beats) >= 30
    offsets = np.abs(beats / 0.6 - np.rint(beats / 0.6)) * 0.6
    assert np.median(offsets) < 0.04


def test_the_tempo_does_not_depend_on_the_level() -> None:
    music = signals.progression(3, "minor", 96, 20)
    loud, soft = analyze(music).tempo, analyze(music * np.float32(0.1)).tempo
    assert loud.bpm == pytest.approx(soft.bpm, rel=0.01)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10 * SAMPLE_RATE, np.float32),
        signals.noise(20),
        signals.sine(440, 20),
        signals.babble(20),
        signals.babble(20, seed=5),
        signals.noise(20, seed=3, gain=0.001),
        np.eye(1, round(0.3 * SAMPLE_RATE), dtype=np.float32)[0],
        signals.tone(60, 4.0),
    ],
    ids=["silence", "noise", "sine", "babble", "other babble", "soft noise", "click", "one note"],
)
def test_no_tempo_is_invented_where_there_is_no_beat(samples: np.ndarray) -> None:
    found = analyze(samples).tempo
    assert found.bpm is None
    assert found.confidence < 0.5
    assert found.beat_times == ()


def test_notes_at_random_times_have_no_tempo() -> None:
    generator = np.random.default_rng(2)
    notes = [
        (float(start), 0.1, signals.tone(int(note), 1.0))
        for start, note in zip(np.sort(generator.uniform(0, 28, 50)), generator.integers(50, 80, 50), strict=True)
    ]
    assert analyze(signals.mix(notes, 30)).tempo.bpm is None


def test_every_struck_note_is_an_onset() -> None:
    notes = [(0.5 + 0.75 * index, 0.2, signals.tone(60 + index % 5, 0.7)) for index in range(12)]
    times, heights = pick_onsets(onset_envelope(band_levels(signals.mix(notes, 10))))
    assert len(times) == 12
    assert np.abs(times - (0.5 + 0.75 * np.arange(12))).max() < 0.05
    assert (heights > 1).all()


def test_steady_noise_has_hardly_any_onsets() -> None:
    times, _ = pick_onsets(onset_envelope(band_levels(signals.noise(20))))
    assert len(times) <= 4
