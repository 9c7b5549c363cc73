"""The audio encoder's input: as documented, whole to the last second, and the same window by window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luce.errors import InvalidArgument
from luce.server.music import log_mel, spectra
from tests.server.music import signals


def sine(frequency: float, seconds: float) -> spectra.FloatArray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * log_mel.RATE)) / log_mel.RATE).astype(np.float32)


def test_a_window_has_500_frames_of_64_bands_whatever_its_length() -> None:
    for length in (1, 319, 16000, 160000, 200000):
        mel = log_mel.log_mel_window(np.full(length, 0.1, np.float32))
        assert mel.shape == (log_mel.FRAMES, log_mel.BANDS)
        assert mel.dtype == np.float32


def test_a_sine_is_loudest_in_the_band_of_its_frequency_at_every_level() -> None:
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (log_mel.LOW_HZ, log_mel.HIGH_HZ))
    edges = np.linspace(low, high, log_mel.BANDS + 2)
    centres = 700 * (10 ** (edges[1:-1] / 2595) - 1)
    for frequency in (200.0, 440.0, 3000.0, 7000.0):
        mel = log_mel.log_mel_window(sine(frequency, 10))
        assert abs(int(mel[250].argmax()) - int(np.abs(centres - frequency).argmin())) <= 1
        quiet = log_mel.log_mel_window(sine(frequency, 10) / 10)
        assert mel[250].max() - quiet[250].max() == pytest.approx(20, abs=0.01)


def test_silence_and_what_is_missing_to_a_window_are_the_floor() -> None:
    assert (log_mel.log_mel_window(np.zeros(160000, np.float32)) == log_mel.FLOOR_DB).all()
    mel = log_mel.log_mel_window(sine(440, 1))
    assert (mel[60:] == log_mel.FLOOR_DB).all()
    assert mel[20].max() > -20


@given(st.floats(0.01, 700))
def test_the_windows_cover_a_piece_and_the_last_one_ends_with_it(seconds: float) -> None:
    starts = log_mel.window_starts(seconds).astype(float)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= log_mel.WINDOW_SECONDS + 1e-4).all()
    end = starts[-1] + log_mel.WINDOW_SECONDS
    assert end >= seconds - 0.03
    assert end <= max(seconds, log_mel.WINDOW_SECONDS) + 1e-3


def test_a_piece_window_by_window_is_the_piece_at_once() -> None:
    samples = np.random.default_rng(0).standard_normal(25 * log_mel.RATE).astype(np.float32)
    starts, mel = log_mel.log_mel_windows(samples)
    assert starts.tolist() == [0, 10, 15]
    for start, window in zip(starts, mel, strict=True):
        first = round(float(start) * log_mel.RATE)
        np.testing.assert_array_equal(window, log_mel.log_mel_window(samples[first : first + 160000]))


def test_resampling_keeps_pitch_level_and_length() -> None:
    found = log_mel.resample(signals.sine(1000, 3, gain=0.5))
    assert found.size == pytest.approx(3 * log_mel.RATE, abs=1)
    middle = found[log_mel.RATE : 2 * log_mel.RATE]
    assert np.abs(np.fft.rfft(middle)).argmax() == 1000
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("function", [log_mel.resample, log_mel.log_mel_window, log_mel.log_mel_windows])
def test_a_signal_that_is_not_finite_mono_is_refused(function: object) -> None:
    for samples in (np.zeros(0), np.zeros((2, 100)), np.array([0.0, np.nan])):
        with pytest.raises(InvalidArgument):
            function(samples)  # type: ignore[operator]
