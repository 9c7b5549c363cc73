"""Spectra of a mono signal: the short-time Fourier transform, mel bands and the log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from luce.errors import InvalidArgument

FloatArray: TypeAlias = npt.NDArray[np.float32]

#: Samples a second that every analysis here works at.
SAMPLE_RATE = 22050

#: Parameters of :func:`log_mel`.
LOG_MEL_FFT = 2048
LOG_MEL_HOP = 512
LOG_MEL_BANDS = 64
LOG_MEL_LOW_HZ = 30.0
LOG_MEL_HIGH_HZ = 11025.0
LOG_MEL_FLOOR_DB = -100.0

#: Frames transformed at a time, which bounds the memory of long signals.
_BLOCK_FRAMES = 1024


def as_mono(samples: npt.NDArray[Any]) -> FloatArray:
    """Check a signal and return it as contiguous float32 (N,).

    Raises :class:`luce.errors.InvalidArgument` for another shape, an empty signal or values that are not finite.
    """
    signal = np.ascontiguousarray(samples, dtype=np.float32)
    if signal.ndim != 1:
        raise InvalidArgument(f"samples must be one channel, got shape {signal.shape}", field="samples", limit="(N,)")
    if signal.size == 0:
        raise InvalidArgument("samples must not be empty", field="samples", limit="at least 1")
    if not np.isfinite(signal).all():
        raise InvalidArgument("samples must be finite numbers", field="samples", limit="finite")
    return signal


def frame_count(length: int, hop: int) -> int:
    """Number of frames of a signal of ``length`` samples; frame t is centred on sample t * hop."""
    return 1 + length // hop


def magnitude_blocks(samples: FloatArray, fft_size: int, hop: int) -> Iterator[tuple[int, FloatArray]]:
    """Yield (first frame, magnitudes (frames, fft_size / 2 + 1) float32), block by block.

    Frames are centred (the signal is padded with zeros by half a frame on each side) and weighted by a periodic Hann
    window. Magnitudes are scaled so that a sine of amplitude 1 has a peak of 1.
    """
    window = scipy.signal.get_window("hann", fft_size).astype(np.float32)
    window *= np.float32(2.0 / window.sum())
    total, half = frame_count(samples.size, hop), fft_size // 2
    for first in range(0, total, _BLOCK_FRAMES):
        count = min(_BLOCK_FRAMES, total - first)
        start, stop = first * hop - half, (first + count - 1) * hop + half
        piece = samples[max(start, 0) : max(stop, 0)]
        padding = (max(-start, 0), stop - max(start, 0) - piece.size)
        piece = np.pad(piece, padding)
        frames = np.lib.stride_tricks.sliding_window_view(piece, fft_size)[::hop]
        yield first, np.abs(scipy.fft.rfft(frames * window, axis=1)).astype(np.float32, copy=False)


def frequencies(fft_size: int) -> FloatArray:
    """Centre frequency of each bin in Hz, (fft_size / 2 + 1,)."""
    return np.fft.rfftfreq(fft_size, 1 / SAMPLE_RATE).astype(np.float32)


@lru_cache(maxsize=8)
def mel_filters(bands: int, fft_size: int, low_hz: float, high_hz: float) -> FloatArray:
    """Triangular mel filters (fft_size / 2 + 1, bands), each of unit sum.

    The mel scale is O'Shaughnessy's, 2595 log10(1 + f / 700). A band narrower than a bin takes the bin nearest to its
    centre, so that no band is empty.
    """
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (low_hz, high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    bins = frequencies(fft_size)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0, None)
    empty = np.flatnonzero(filters.sum(axis=0) == 0)
    filters[np.abs(bins - edges[1:-1][empty]).argmin(axis=0), empty] = 1
    result: FloatArray = (filters / filters.sum(axis=0)).astype(np.float32)
    result.setflags(write=False)
    return result


def log_mel(samples: npt.NDArray[Any]) -> FloatArray:
    """Log-mel spectrogram (T, 64) float32 in dB, T = 1 + N // 512, of mono samples at 22050 Hz.

    Hann window of 2048 samples, hop 512, centred frames; power of magnitudes scaled so that a full-scale sine peaks
    at 1; 64 mel bands of unit sum from 30 Hz to 11025 Hz; 10 log10, at least -100 dB.
    """
    signal = as_mono(samples)
    filters = mel_filters(LOG_MEL_BANDS, LOG_MEL_FFT, LOG_MEL_LOW_HZ, LOG_MEL_HIGH_HZ)
    result = np.empty((frame_count(signal.size, LOG_MEL_HOP), LOG_MEL_BANDS), np.float32)
    for first, magnitude in magnitude_blocks(signal, LOG_MEL_FFT, LOG_MEL_HOP):
        power = np.square(magnitude) @ filters
        decibels = 10 * np.log10(np.maximum(power, 1e-12))
        result[first : first + len(power)] = np.maximum(decibels, LOG_MEL_FLOOR_DB)
    return result
