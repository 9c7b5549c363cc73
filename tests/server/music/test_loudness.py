"""Loudness against the figures of the standards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luce.server.music.loudness import measure
from luce.server.music.spectra import SAMPLE_RATE
from tests.server.music import signals


def test_a_full_scale_sine_at_997_hz_measures_minus_3_lufs() -> None:
    # BS.1770-5, annex 1: "a 0 dB FS, 997 Hz sine wave ... -3.01 LKFS".
    assert measure(signals.sine(997, 20, gain=1.0)).integrated_lufs == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize(("frequency", "expected"), [(100.0, -1.1), (500.0, 0.0), (2000.0, 2.5), (5000.0, 3.3)])
def test_the_weighting_follows_the_k_curve(frequency: float, expected: float) -> None:
    heard = measure(signals.sine(frequency, 10)).integrated_lufs - measure(signals.sine(997, 10)).integrated_lufs
    assert heard == pytest.approx(expected - 0.0, abs=0.8)


@settings(max_examples=10, deadline=None)
@given(gain=st.floats(-40, 0))
def test_a_gain_moves_the_loudness_by_itself(gain: float) -> None:
    music = signals.progression(0, "major", 100, 6)
    louder = measure(music * np.float32(10 ** (gain / 20)))
    assert louder.integrated_lufs == pytest.approx(measure(music).integrated_lufs + gain, abs=0.3)
    assert louder.crest_db == pytest.approx(measure(music).crest_db, abs=0.01)


def test_pauses_do_not_lower_the_integrated_loudness() -> None:
    sound = signals.sine(997, 5)
    with_pause = np.concatenate([sound, np.zeros(5 * SAMPLE_RATE, np.float32), sound])
    assert measure(with_pause).integrated_lufs == pytest.approx(measure(sound).integrated_lufs, abs=0.3)


def test_the_loudness_range_of_two_levels_is_their_distance() -> None:
    # EBU Tech 3342, test signal 1: 20 s at -20 dBFS, then 20 s at -30 dBFS, has a range of 10 LU.
    levels = [signals.sine(1000, 20, gain=10 ** (level / 20)) for level in (-20, -30)]
    assert measure(np.concatenate(levels)).range_lu == pytest.approx(10, abs=1)


def test_silence_has_the_floor_values() -> None:
    silent = measure(np.zeros(SAMPLE_RATE, np.float32))
    assert (silent.integrated_lufs, silent.range_lu, silent.rms_dbfs, silent.crest_db) == (-70.0, 0.0, -100.0, 0.0)


def test_a_single_sample_can_be_measured() -> None:
    assert measure(np.ones(1, np.float32)).peak_dbfs == 0.0
