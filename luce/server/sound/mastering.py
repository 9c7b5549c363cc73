"""Loudness and peaks: a gain to the wanted loudness, and a limiter that looks ahead and knows of true peaks."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.signal

from luce.server.music.loudness import SILENCE_LUFS, block_powers, integrated

FloatArray = npt.NDArray[np.float32]

# True peaks are estimated at four times the rate (BS.1770-5, annex 2); the estimate is at most 0.5 dB too low.
_OVERSAMPLING: Final = 4
_MARGIN_DB: Final = 0.3
_LOOK_AHEAD_S: Final = 0.005
_ROUNDS: Final = 3
# What further rounds may add to the first gain.
_MOST_MAKEUP_DB: Final = 6.0
_CLOSE_LU: Final = 0.1
# A true peak may lie this much above the samples around it; quieter stretches need no look.
_POSSIBLE_OVERSHOOT: Final = 2.0
_SEGMENT: Final = 1 << 15
_CONTEXT: Final = 64


def loudness_of(samples: FloatArray, sample_rate: int) -> float:
    """Integrated loudness of stereo samples, LUFS; -70 for silence."""
    return integrated(block_powers(samples, sample_rate))


def master(
    samples: FloatArray, sample_rate: int, loudness_lufs: float, ceiling_dbtp: float
) -> tuple[FloatArray, float]:
    """The samples at a loudness, with no true peak above the ceiling, and the loudness that was reached.

    Where the limiter would have to work too hard the loudness stays below the wanted one, by what three rounds of gain
    do not make up for. Silence stays silence.

    Args:
        samples: (n, 2) float32.
        sample_rate: Hz.
        loudness_lufs: Wanted, integrated (ITU-R BS.1770).
        ceiling_dbtp: Highest true peak, dB of full scale.
    """
    if not len(samples):
        return samples, SILENCE_LUFS
    ceiling = 10 ** ((ceiling_dbtp - _MARGIN_DB) / 20)
    reached = loudness_of(samples, sample_rate)
    if reached <= SILENCE_LUFS:
        return samples, reached
    gain_db, result = 0.0, samples
    # Peaks grow with the gain: they are looked for once, where any gain that may come could lift them to the ceiling.
    most = 10 ** ((loudness_lufs - reached + _MOST_MAKEUP_DB) / 20)
    peaks = true_peaks(samples, ceiling / most)
    for _ in range(_ROUNDS):
        gain_db = min(gain_db + loudness_lufs - reached, 20 * np.log10(most))
        gain = 10 ** (gain_db / 20)
        result = _turned_down(samples, gain * peaks, sample_rate, ceiling, gain)
        reached = loudness_of(result, sample_rate)
        if abs(reached - loudness_lufs) <= _CLOSE_LU:
            break
    return result, reached


def limit(samples: FloatArray, sample_rate: int, ceiling: float) -> FloatArray:
    """The samples turned down, without a click, wherever their true peaks pass the ceiling.

    The gain falls before the peak and rises after it along a window of 10 ms, both channels alike.

    Args:
        samples: (n, 2) float32.
        sample_rate: Hz.
        ceiling: Largest amplitude, > 0.
    """
    peaks = true_peaks(samples, ceiling)
    if float(peaks.max(initial=0.0)) <= ceiling:
        return samples
    return _turned_down(samples, peaks, sample_rate, ceiling, 1.0)


def _turned_down(
    samples: FloatArray, peaks: npt.NDArray[np.float64], sample_rate: int, ceiling: float, gain: float
) -> FloatArray:
    """The samples times a gain, with the peaks that they then have held under the ceiling."""
    if float(peaks.max(initial=0.0)) <= ceiling:
        return samples * np.float32(gain)
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    width = 2 * round(_LOOK_AHEAD_S * sample_rate) + 1
    # The least gain within the window, then its mean over the same window: never above what any sample needs.
    held = scipy.ndimage.minimum_filter1d(needed, width, mode="nearest")
    smooth = scipy.ndimage.uniform_filter1d(held, width, mode="nearest")
    result: FloatArray = samples * (gain * smooth[:, np.newaxis]).astype(np.float32)
    return result


def true_peaks(samples: FloatArray, ceiling: float) -> npt.NDArray[np.float64]:
    """(n,), the largest amplitude around each sample, between the samples too where it could pass the ceiling."""
    peaks: npt.NDArray[np.float64] = np.abs(samples).max(axis=1, initial=0.0).astype(np.float64)
    for start in range(0, len(samples), _SEGMENT):
        stop = min(start + _SEGMENT, len(samples))
        if float(peaks[start:stop].max(initial=0.0)) * _POSSIBLE_OVERSHOOT <= ceiling:
            continue
        begin, end = max(0, start - _CONTEXT), min(len(samples), stop + _CONTEXT)
        between = np.abs(scipy.signal.resample_poly(samples[begin:end], _OVERSAMPLING, 1, axis=0)).max(axis=1)
        grouped = between[: (end - begin) * _OVERSAMPLING].reshape(-1, _OVERSAMPLING).max(axis=1)
        peaks[start:stop] = np.maximum(peaks[start:stop], grouped[start - begin : stop - begin])
    return peaks
