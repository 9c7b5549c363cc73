"""The windows of `audio_encoder` of a recording that comes in pieces."""

from __future__ import annotations

from math import gcd

import numpy as np

from luce.server.music.log_mel import FRAMES, HOP, RATE, WINDOW_SECONDS, log_mel_window, resample, window_starts
from luce.server.music.spectra import SAMPLE_RATE, FloatArray

_WINDOW = round(WINDOW_SECONDS * SAMPLE_RATE)
#: So many samples at 22050 Hz are a whole number at 16 kHz: where a stretch begins there, it resamples as in the whole.
_GRID = SAMPLE_RATE // gcd(SAMPLE_RATE, RATE)
_GRID_AT_RATE = RATE // gcd(SAMPLE_RATE, RATE)
#: Samples beside a stretch that its resampling hears; the filter reaches 14 of them.
_MARGIN = _GRID


class MelWindows:
    """Cuts mono samples at 22050 Hz into the windows of :func:`luce.server.music.log_mel.log_mel_windows`.

    The windows are those of the whole recording, however it is cut; about 20 s of it are held.
    """

    def __init__(self) -> None:
        self._held = np.zeros(0, np.float32)
        # Of the whole: the sample that what is held begins with, and how many came.
        self._first = self._samples = 0
        self._given = 0

    def feed(self, samples: FloatArray) -> list[tuple[float, FloatArray]]:
        """Take the next samples (n,) float32; the windows that they complete: start in seconds, log-mel (500, 64)."""
        self._held = np.concatenate([self._held, samples])
        self._samples += samples.size
        told = []
        while self._samples >= (self._given + 1) * _WINDOW + _MARGIN:
            told.append(self._next())
        return told

    def finish(self) -> list[tuple[float, FloatArray]]:
        """The windows at the end: the last one ends with the recording, or is padded where that is shorter."""
        length = -(-self._samples * _GRID_AT_RATE // _GRID)
        starts = window_starts(length / RATE)
        told = []
        while self._given < len(starts) and starts[self._given] == self._given * WINDOW_SECONDS:
            told.append(self._next())
        for start in starts[self._given :]:
            place = round(float(start) * RATE)
            told.append((float(start), self._mel(place // _GRID_AT_RATE * _GRID, place % _GRID_AT_RATE)))
        return told

    def _next(self) -> tuple[float, FloatArray]:
        begin = self._given * _WINDOW
        window = self._given * WINDOW_SECONDS, self._mel(begin, 0)
        self._given += 1
        # The last window may reach back by a whole one.
        done = max(0, begin - 2 * _MARGIN - self._first)
        self._held, self._first = self._held[done:], self._first + done
        return window

    def _mel(self, begin: int, skipped: int) -> FloatArray:
        """Log-mel of the window that begins ``skipped`` samples at 16 kHz after the sample ``begin`` at 22050 Hz."""
        low = max(0, begin - _MARGIN)
        stretch = self._held[low - self._first : begin + _WINDOW + 2 * _MARGIN - self._first]
        place = (begin - low) // _GRID * _GRID_AT_RATE + skipped
        return log_mel_window(resample(stretch)[place : place + FRAMES * HOP])
