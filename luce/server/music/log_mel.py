"""What ``audio_encoder`` reads: log-mel windows of ten seconds, computed the same way in training and serving.

To the last parameter: mono at 16 kHz (:func:`resample` from the 22050 Hz that all other analysis works at, by
``scipy.signal.resample_poly`` with its default Kaiser window, beta 5); frames of 1024 samples (64 ms), hop 320 (20 ms),
frame t centred on sample 320 t, zeros before the start and after the end; periodic Hann window, scaled so that a
full-scale sine peaks at magnitude 1; power spectrum; 64 triangular mel bands (O'Shaughnessy, 2595 log10(1 + f / 700))
of unit sum from 40 to 7800 Hz; 10 log10, at least -100 dB. The level is kept; the network learned to hear through it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from luce.server.music.spectra import SAMPLE_RATE, FloatArray, as_mono

#: Samples a second of the signal that is transformed.
RATE = 16000
FFT = 1024
HOP = 320
BANDS = 64
LOW_HZ = 40.0
HIGH_HZ = 7800.0
FLOOR_DB = -100.0
#: Length of a window, in seconds and in frames.
WINDOW_SECONDS = 10.0
FRAMES = 500

_WINDOW_SAMPLES = HOP * FRAMES


def resample(samples: npt.NDArray[Any]) -> FloatArray:
    """Mono samples at 22050 Hz to 16 kHz, (N,) to (ceil(N * 320 / 441),) float32.

    Raises :class:`luce.errors.InvalidArgument` for what :func:`luce.server.music.spectra.as_mono` refuses.
    """
    result: FloatArray = scipy.signal.resample_poly(as_mono(samples), RATE // 50, SAMPLE_RATE // 50)
    return result.astype(np.float32, copy=False)


def window_starts(seconds: float) -> FloatArray:
    """Starts (W,) float32 of the windows of a piece, in seconds: every ten, the last one ending with the piece.

    So no tail is dropped; the last window overlaps the one before. A piece of ten seconds or less has one, at 0.
    """
    whole = int(seconds / WINDOW_SECONDS + 1e-6)
    starts = [WINDOW_SECONDS * index for index in range(max(whole, 1))]
    if seconds - WINDOW_SECONDS * whole > HOP / RATE and whole > 0:
        starts.append(seconds - WINDOW_SECONDS)
    return np.array(starts, np.float32)


def log_mel_window(samples: npt.NDArray[Any]) -> FloatArray:
    """Log-mel (500, 64) float32 in dB, at least -100, of mono samples at 16 kHz.

    What is missing to ten seconds is silence; what is beyond is left out. Raises
    :class:`luce.errors.InvalidArgument` for what :func:`luce.server.music.spectra.as_mono` refuses.
    """
    signal = as_mono(samples)[:_WINDOW_SAMPLES]
    padded = np.zeros(_WINDOW_SAMPLES + FFT, np.float32)
    padded[FFT // 2 : FFT // 2 + signal.size] = signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[:_WINDOW_SAMPLES:HOP]
    window, filters = _constants()
    spectrum = scipy.fft.rfft(frames * window, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    decibels = 10 * np.log10(np.maximum(power @ filters, 10 ** (FLOOR_DB / 10)))
    # The logarithm of the floor itself is a last bit below it on some processors.
    decibels = np.maximum(decibels, FLOOR_DB)
    result: FloatArray = decibels.astype(np.float32, copy=False)
    return result


def log_mel_windows(samples: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """The windows of a whole piece: starts (W,) in seconds and log-mel (W, 500, 64), of mono samples at 16 kHz.

    To bound the memory of a stream, cut it into the pieces of :func:`window_starts` and call :func:`log_mel_window`.
    """
    signal = as_mono(samples)
    starts = window_starts(signal.size / RATE)
    places = np.round(starts * RATE).astype(int)
    return starts, np.stack([log_mel_window(signal[place : place + _WINDOW_SAMPLES]) for place in places])


@lru_cache(maxsize=1)
def _constants() -> tuple[FloatArray, FloatArray]:
    """The Hann window (1024,) and the mel filters (513, 64)."""
    window = scipy.signal.get_window("hann", FFT)
    window *= 2 / window.sum()
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (LOW_HZ, HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(FFT, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0, None)
    # A band narrower than a bin takes the bin nearest to its centre, so that none is empty.
    empty = np.flatnonzero(filters.sum(axis=0) == 0)
    filters[np.abs(bins - edges[1:-1][empty]).argmin(axis=0), empty] = 1
    return window.astype(np.float32), (filters / filters.sum(axis=0)).astype(np.float32)
