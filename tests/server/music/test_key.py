"""The key: found where it is clear, not named where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music import pitch
from luce.server.music.analysis import analyze
from luce.server.music.key import PITCH_CLASSES, correlations
from luce.server.music.spectra import SAMPLE_RATE
from tests.server.music import signals


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", range(12))
def test_the_key_of_a_cadence_is_found_in_all_24_keys(tonic: int, mode: str) -> None:
    found = analyze(signals.progression(tonic, mode, 100, 12)).key
    assert found.name == f"{PITCH_CLASSES[tonic]} {mode}"
    assert (found.tonic, found.mode) == (tonic, mode)
    assert found.confidence >= 0.5
    assert (found.mode_score > 0) == (mode == "major")


@settings(max_examples=8, deadline=None)
@given(cents=st.integers(-45, 45))
def test_the_key_is_found_in_any_tuning(cents: int) -> None:
    generator = [
        (0.5 * beat, 0.08, signals.tone(note + cents / 100, 0.6))
        for beat in range(24)
        for note in ((48, 60, 64, 67), (53, 60, 65, 69), (55, 62, 65, 71), (48, 60, 64, 67))[beat // 2 % 4]
    ]
    samples = signals.mix(generator, 13)
    assert analyze(samples).key.name == "C major"
    deviation, agreement = pitch.tuning(pitch.spectral_peaks(samples))
    assert deviation * 100 == pytest.approx(cents, abs=6)
    assert agreement > 0.6


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10 * SAMPLE_RATE, np.float32),
        signals.noise(20),
        signals.sine(440, 20),
        signals.sine(440, 20) + signals.sine(660, 20),
        signals.babble(20),
        signals.babble(20, seed=5),
        np.eye(1, round(0.3 * SAMPLE_RATE), dtype=np.float32)[0],
        signals.tone(60, 0.5),
    ],
    ids=["silence", "noise", "sine", "open fifth", "babble", "other babble", "click", "half a second"],
)
def test_no_key_is_invented_where_none_is_clear(samples: np.ndarray) -> None:
    found = analyze(samples).key
    assert found.tonic is None
    assert found.mode is None
    assert found.name == "no clear key"
    assert found.confidence < 0.5


def test_a_chromatic_run_has_no_clear_key() -> None:
    notes = [(0.2 * index, 0.2, signals.tone(48 + index % 24, 0.25)) for index in range(70)]
    assert analyze(signals.mix(notes, 15)).key.name == "no clear key"


@given(values=st.lists(st.floats(0, 1), min_size=12, max_size=12), shift=st.integers(0, 11))
def test_transposing_the_pitch_classes_transposes_the_correlations(values: list[float], shift: int) -> None:
    plain, moved = correlations(np.array(values)), correlations(np.roll(values, shift))
    assert np.abs(plain).max() <= 1 + 1e-9
    np.testing.assert_allclose(np.roll(plain[:12], shift), moved[:12], atol=1e-6)
    np.testing.assert_allclose(np.roll(plain[12:], shift), moved[12:], atol=1e-6)


def test_harmonics_of_one_note_are_taken_for_one_note() -> None:
    salience = pitch.semitone_salience(pitch.spectral_peaks(signals.tone(60, 3.0, decay=0.5)), 0.0)
    total = salience.sum(axis=0)
    assert pitch.LOWEST_NOTE + int(total.argmax()) == 60
    assert total[60 - pitch.LOWEST_NOTE] > 0.5 * total.sum()


def test_a_cluster_is_rougher_than_an_octave() -> None:
    octave = pitch.roughness(pitch.spectral_peaks(signals.sine(440, 3) + signals.sine(880, 3)))
    cluster = pitch.roughness(pitch.spectral_peaks(signals.sine(440, 3) + signals.sine(466, 3)))
    assert cluster.mean() > 5 * octave.mean()
