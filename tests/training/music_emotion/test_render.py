"""Renderings: the notes asked for sound when asked for, and alterations leave them recognisable."""

from __future__ import annotations

import numpy as np
import pretty_midi
import pytest

from luce.server.music import pitch
from luce.server.music.analysis import analyze
from luce.server.music.spectra import SAMPLE_RATE
from training.music_emotion.render import Performance, augment, render


@pytest.fixture
def midi() -> pretty_midi.PrettyMIDI:
    song = pretty_midi.PrettyMIDI()
    part = pretty_midi.Instrument(0)
    for beat in range(32):
        for note in ((60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67))[beat // 4 % 4]:
            part.notes.append(pretty_midi.Note(90, note, beat * 0.5, beat * 0.5 + 0.45))
    song.instruments.append(part)
    return song


def test_an_excerpt_has_its_length_and_a_tail_of_half_a_second(midi: pretty_midi.PrettyMIDI) -> None:
    samples = render(midi, 4.0, 6.0, Performance())
    assert samples.size == pytest.approx(6.5 * SAMPLE_RATE, abs=2)
    assert samples.dtype == np.float32
    assert 0.01 < np.abs(samples).max() <= 1


def test_the_rendered_key_and_tempo_are_those_of_the_notes(midi: pretty_midi.PrettyMIDI) -> None:
    found = analyze(render(midi, 0.0, 16.0, Performance()))
    assert found.key.name == "C major"
    assert found.tempo.bpm == pytest.approx(120, rel=0.02)


def test_a_transposed_performance_sounds_in_the_other_key(midi: pretty_midi.PrettyMIDI) -> None:
    assert analyze(render(midi, 0.0, 16.0, Performance(program=48, transpose=2))).key.name == "D major"


@pytest.mark.parametrize("seed", range(5))
def test_an_altered_recording_keeps_its_length_and_its_notes(midi: pretty_midi.PrettyMIDI, seed: int) -> None:
    plain = render(midi, 0.0, 8.0, Performance())
    altered = augment(plain, np.random.default_rng(seed))
    assert altered.shape == plain.shape
    assert altered.dtype == np.float32
    assert np.abs(altered).max() <= 1
    chroma = [
        pitch.chroma(pitch.semitone_salience(pitch.spectral_peaks(samples), 0.0)).sum(axis=0)
        for samples in (plain, altered)
    ]
    assert np.corrcoef(chroma)[0, 1] > 0.8


def test_the_same_seed_alters_in_the_same_way(midi: pretty_midi.PrettyMIDI) -> None:
    plain = render(midi, 0.0, 4.0, Performance())
    first, second = (augment(plain, np.random.default_rng(3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
