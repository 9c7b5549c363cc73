"""Where notes begin: the onset envelope and its peaks."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from luce.server.music.spectra import SAMPLE_RATE, FloatArray, Track, magnitude_blocks, mel_filters

#: Frames of 2048 samples every 512 samples: 43.07 a second.
ONSET_FFT = 2048
ONSET_HOP = 512
ONSET_FRAMES_PER_SECOND = SAMPLE_RATE / ONSET_HOP

_BANDS, _LOW_HZ, _HIGH_HZ = 40, 40.0, 10000.0
#: Levels further below the loudest band, or quieter than this, count as silence (dB).
_RELATIVE_FLOOR_DB, _ABSOLUTE_FLOOR_DB = -55.0, -85.0
#: A rise is measured over two frames (46 ms), for the window smears an attack over four.
_LAG = 2
#: Frames that are worked on at a time, about a minute.
_BLOCK_FRAMES = 2560
#: The largest rise that one band may contribute, in dB.
_LARGEST_RISE_DB = 20.0
#: An onset stands this much above the median of its surroundings, in dB of mean rise.
_LEAST_RISE_DB = 1.2


def levels_of(magnitude: FloatArray) -> FloatArray:
    """Levels of 40 mel bands in dB of full scale, (T, 40) float32, of magnitudes (T, 1025)."""
    power = np.square(magnitude) @ mel_filters(_BANDS, ONSET_FFT, _LOW_HZ, _HIGH_HZ)
    levels: FloatArray = 10 * np.log10(np.maximum(power, np.float32(1e-12)))
    return levels


def band_levels(samples: FloatArray) -> FloatArray:
    """Levels of 40 mel bands in dB of full scale, (T, 40) float32, at 43.07 frames a second."""
    return np.concatenate([levels_of(part) for part in magnitude_blocks(samples, ONSET_FFT, ONSET_HOP)])


class Rises:
    """The onset envelope of a signal whose levels come in stretches, by a third of their memory.

    How far below the loudest band silence begins is known at the end only. Until then are kept those levels that rise,
    about one of six, and what each rises from. What does not rise above the silence of what came so far will not rise
    above that of the whole.
    """

    def __init__(self) -> None:
        self._loudest = -np.inf
        # The highest level near each band in the frames before; silence before the first one.
        self._before = np.full((_LAG, _BANDS), -np.inf, np.float32)
        self._rising = Track(np.uint8, _BANDS // 8)
        self._levels, self._bases = Track(), Track()

    def feed(self, levels: FloatArray) -> None:
        """Take the levels of the next frames, (T, 40) float32 in dB."""
        self._loudest = max(self._loudest, float(levels.max(initial=-np.inf)))
        near = np.concatenate([self._before, scipy.ndimage.maximum_filter1d(levels, 3, axis=1)])
        bases, self._before = near[: len(levels)], near[len(levels) :].copy()
        rising = levels > np.maximum(bases, self._floor())
        self._rising.add(np.packbits(rising, axis=1))
        self._levels.add(levels[rising])
        self._bases.add(bases[rising])

    def envelope(self) -> FloatArray:
        """What :func:`onset_envelope` gives of all that came, at least one frame."""
        floor, marks = self._floor(), self._rising.whole()
        levels, bases = self._levels.whole(), self._bases.whole()
        result = np.empty(len(marks), np.float32)
        done = 0
        for first in range(0, len(marks), _BLOCK_FRAMES):
            rising = np.unpackbits(marks[first : first + _BLOCK_FRAMES], axis=1).astype(np.bool_)
            part = slice(done, done + int(rising.sum()))
            rises = np.zeros(rising.shape, np.float32)
            rises[rising] = np.maximum(levels[part], floor) - np.maximum(bases[part], floor)
            result[first : first + _BLOCK_FRAMES] = np.clip(rises, 0, _LARGEST_RISE_DB).mean(axis=1)
            done = part.stop
        return result

    def _floor(self) -> np.float32:
        return np.float32(max(self._loudest + _RELATIVE_FLOOR_DB, _ABSOLUTE_FLOOR_DB))


def onset_envelope(levels: FloatArray) -> FloatArray:
    """Mean rise of the bands' levels (T, 40) in dB, (T,) float32, not negative.

    Spectral flux on a log scale with a maximum filter over neighbouring bands, which keeps vibrato from passing for
    onsets (Böck & Widmer 2013, "Maximum filter vibrato suppression for onset detection").
    """
    rises = Rises()
    for first in range(0, len(levels), _BLOCK_FRAMES):
        rises.feed(levels[first : first + _BLOCK_FRAMES])
    return rises.envelope()


def pick_onsets(envelope: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Times in seconds and heights in dB of the onsets, each (N,) float32.

    A peak is the largest of the 70 ms around it and stands above the median of its second by 1.2 dB and by twice
    the median deviation, so that the ripple of noise is not taken for notes.
    """
    if envelope.size == 0:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    second = round(ONSET_FRAMES_PER_SECOND) | 1
    median = scipy.ndimage.median_filter(envelope, second, mode="nearest")
    deviation = scipy.ndimage.median_filter(np.abs(envelope - median), second, mode="nearest")
    is_peak = envelope == scipy.ndimage.maximum_filter1d(envelope, 3)
    is_peak &= envelope > median + np.maximum(_LEAST_RISE_DB, 2.0 * deviation)
    frames = np.flatnonzero(is_peak)
    # A flat top would give two: keep the first of peaks that touch.
    frames = frames[np.concatenate([[True], np.diff(frames) > 1])] if frames.size else frames
    times = (frames / ONSET_FRAMES_PER_SECOND).astype(np.float32)
    return times, (envelope[frames] - median[frames]).astype(np.float32)
