"""Tonal content of a signal: spectral peaks, tuning, and how much sounds on each semitone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import scipy.ndimage

from luce.server.music.spectra import SAMPLE_RATE, FloatArray, magnitude_blocks

#: Frames of 8192 samples (2.7 Hz a bin) every 2048 samples (93 ms).
PEAK_FFT = 8192
PEAK_HOP = 2048
PEAK_FRAMES_PER_SECOND = SAMPLE_RATE / PEAK_HOP
#: Strongest peaks kept in a frame.
PEAK_COUNT = 24
#: Frames that are worked on at a time, one and a half minutes: a long recording needs little more room.
_BLOCK_FRAMES = 1024

#: The semitones of :func:`semitone_salience`: MIDI notes 33 (A1, 55 Hz) to 95 (B6, 1976 Hz).
LOWEST_NOTE = 33
NOTE_COUNT = 63

_LOW_HZ, _HIGH_HZ = 50.0, 5000.0
#: A peak stands this many times above the mean of its neighbourhood of 41 bins (about 110 Hz).
_PROMINENCE = 3.0
_NEIGHBOURHOOD = 20
#: Peaks further below the loudest of the whole signal, or quieter than this amplitude, are not heard.
_RELATIVE_FLOOR = 10 ** (-60 / 20)
_ABSOLUTE_FLOOR = 10 ** (-85 / 20)
#: (semitones above a fundamental, share of its salience taken off) for harmonics 2 to 6.
_HARMONICS = ((12, 0.35), (19, 0.45), (24, 0.25), (28, 0.35), (31, 0.25))


@dataclass(frozen=True)
class Peaks:
    """Spectral peaks by frame.

    Attributes:
        frequency: (T, 24) float32 in Hz, 0 where a frame has fewer peaks.
        amplitude: (T, 24) float32, 1 for a full-scale sine, 0 where a frame has fewer peaks.
        tonal_share: (T,) float32 in [0, 1], share of the frame's energy in 50 Hz - 5 kHz that lies at peaks.
    """

    frequency: FloatArray
    amplitude: FloatArray
    tonal_share: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Peaks]) -> Peaks:
        """Stretches of one signal one after the other, without what is too soft beside its loudest peak."""
        frequency, amplitude, share = (
            np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)
        )
        amplitude[amplitude < _RELATIVE_FLOOR * amplitude.max(initial=0.0)] = 0
        frequency[amplitude == 0] = 0
        return cls(frequency, amplitude, share)

    def blocks(self) -> Iterator[Peaks]:
        """Stretches of at most :data:`_BLOCK_FRAMES` frames, at least one."""
        for first in range(0, max(len(self.frequency), 1), _BLOCK_FRAMES):
            part = slice(first, first + _BLOCK_FRAMES)
            yield Peaks(self.frequency[part], self.amplitude[part], self.tonal_share[part])


def spectral_peaks(samples: FloatArray) -> Peaks:
    """Find the prominent peaks between 50 Hz and 5 kHz, with parabolic interpolation of the log magnitude."""
    return Peaks.joined([peaks_of(part) for part in magnitude_blocks(samples, PEAK_FFT, PEAK_HOP)])


def peaks_of(magnitude: FloatArray) -> Peaks:
    """The prominent peaks of frames by their magnitudes (T, 4097), however soft."""
    total = len(magnitude)
    frequency = np.zeros((total, PEAK_COUNT), np.float32)
    amplitude = np.zeros((total, PEAK_COUNT), np.float32)
    low, high = (round(hertz * PEAK_FFT / SAMPLE_RATE) for hertz in (_LOW_HZ, _HIGH_HZ))
    first = max(0, low - _NEIGHBOURHOOD)
    near = magnitude[:, first : high + _NEIGHBOURHOOD]
    means = scipy.ndimage.uniform_filter1d(near, 2 * _NEIGHBOURHOOD + 1, axis=1, mode="nearest")
    around = means[:, low - first : high - first]
    band = magnitude[:, low - 1 : high + 1]
    centre, left, right = band[:, 1:-1], band[:, :-2], band[:, 2:]
    is_peak = (centre > left) & (centre >= right) & (centre > _PROMINENCE * around) & (centre > _ABSOLUTE_FLOOR)
    row, column = np.nonzero(is_peak)
    height = centre[row, column]
    # The strongest of each frame: ordered by frame, then by height; a peak's place among its frame's is its rank.
    order = np.lexsort((-height, row))
    row, column, height = row[order], column[order], height[order]
    rank = np.arange(row.size) - np.searchsorted(row, row)
    strong = rank < PEAK_COUNT
    row, column, height, rank = row[strong], column[strong], height[strong], rank[strong]
    before, at, after = (np.log(np.maximum(part[row, column], 1e-12)) for part in (left, centre, right))
    curvature = before - 2 * at + after
    safe = np.where(np.abs(curvature) > 1e-6, curvature, -1)
    shift = np.where(np.abs(curvature) > 1e-6, 0.5 * (before - after) / safe, 0)
    frequency[row, rank] = (column + low + np.clip(shift, -0.5, 0.5)) * (SAMPLE_RATE / PEAK_FFT)
    amplitude[row, rank] = height
    # A Hann-windowed sine spreads over its bin and the two beside it, 1.5 times the peak bin's energy.
    energy = np.square(centre).sum(axis=1)
    share = np.minimum(1.5 * np.square(amplitude).sum(axis=1) / np.maximum(energy, 1e-12), 1)
    return Peaks(frequency, amplitude, share.astype(np.float32))


def tuning(peaks: Peaks) -> tuple[float, float]:
    """Deviation from A = 440 Hz in semitones (-0.5 to 0.5), and how well the peaks agree on it (0 to 1).

    The agreement is the length of the mean direction of the peaks' fractional semitones, weighted by the root of
    their amplitude: near 1 for fixed pitches, near 0 for noise and for gliding pitch such as speech.
    """
    heard = (peaks.frequency > 100) & (peaks.frequency < 2500)
    weight = np.sqrt(peaks.amplitude[heard])
    if weight.sum() == 0:
        return 0.0, 0.0
    notes = 12 * np.log2(peaks.frequency[heard] / 440)
    mean = (weight * np.exp(2j * np.pi * notes)).sum() / weight.sum()
    return float(np.angle(mean) / (2 * np.pi)), float(np.abs(mean))


def semitone_salience(peaks: Peaks, deviation: float) -> FloatArray:
    """How much sounds on each semitone, (T, 63) float32 for MIDI notes 33 to 95, with harmonics taken off.

    Amplitudes are compressed by a square root, peaks between two semitones count less, and a share of each note is
    subtracted from where its harmonics 2 to 6 fall: otherwise the fifth harmonic would make all music sound major.
    """
    return np.concatenate([_block_salience(part, deviation) for part in peaks.blocks()])


def _block_salience(peaks: Peaks, deviation: float) -> FloatArray:
    heard = (peaks.frequency > 0) & (peaks.amplitude > 0)
    notes = np.where(heard, 69 + 12 * np.log2(np.maximum(peaks.frequency, 1) / 440) - deviation, -1)
    nearest = np.rint(notes).astype(np.int64)
    weight = np.sqrt(peaks.amplitude) * np.clip(1.2 - 2 * np.abs(notes - nearest), 0, 1)
    column = nearest - LOWEST_NOTE
    heard &= (column >= 0) & (column < NOTE_COUNT)
    frames = np.broadcast_to(np.arange(len(notes))[:, None], notes.shape)
    flat = np.bincount(
        (frames[heard] * NOTE_COUNT + column[heard]), weights=weight[heard], minlength=len(notes) * NOTE_COUNT
    )
    raw = flat.reshape(len(notes), NOTE_COUNT).astype(np.float32)
    clean = raw.copy()
    for interval, share in _HARMONICS:
        clean[:, interval:] -= share * raw[:, :-interval]
    result: FloatArray = np.maximum(clean, 0).astype(np.float32)
    return result


def chroma(salience: FloatArray) -> FloatArray:
    """Fold notes to pitch classes: (T, 12) float32, C first; notes far from the middle register count less."""
    notes = LOWEST_NOTE + np.arange(NOTE_COUNT)
    weight = np.exp(-0.5 * np.square((notes - 60) / 15)).astype(np.float32)
    result = np.zeros((len(salience), 12), np.float32)
    for pitch_class in range(12):
        columns = notes % 12 == pitch_class
        result[:, pitch_class] = salience[:, columns] @ weight[columns]
    return result


def lowest_notes(salience: FloatArray) -> FloatArray:
    """MIDI number of the lowest note of each frame, (T,) float32, NaN where nothing sounds.

    A note counts from a quarter of the salience of the frame's strongest.
    """
    strong = (salience > 0) & (salience >= 0.25 * salience.max(axis=1, keepdims=True))
    notes = strong.argmax(axis=1).astype(np.float32) + LOWEST_NOTE
    return np.where(strong.any(axis=1), notes, np.float32(np.nan)).astype(np.float32)


def roughness(peaks: Peaks, count: int = 12) -> FloatArray:
    """Sensory dissonance by frame, (T,) float32: 0 for a pure tone, some tenths for dense clusters.

    Plomp & Levelt's curve as parametrised by Sethares (1993, "Local consonance and the relationship between timbre
    and scale"), over all pairs of the strongest ``count`` peaks, weighted by the smaller amplitude and divided by
    the sum of amplitudes, so that it does not depend on the level.
    """
    return np.concatenate([_block_roughness(part, count) for part in peaks.blocks()])


def _block_roughness(peaks: Peaks, count: int) -> FloatArray:
    order = np.argsort(-peaks.amplitude, axis=1)[:, :count]
    frequency = np.take_along_axis(peaks.frequency, order, axis=1)
    amplitude = np.take_along_axis(peaks.amplitude, order, axis=1)
    result = np.zeros(len(frequency), np.float32)
    for one in range(count - 1):
        other = slice(one + 1, count)
        low = np.minimum(frequency[:, one : one + 1], frequency[:, other])
        gap = np.abs(frequency[:, one : one + 1] - frequency[:, other])
        scaled = gap * (0.24 / (0.0207 * low + 18.96))
        pair = np.exp(-3.51 * scaled) - np.exp(-5.75 * scaled)
        result += (np.minimum(amplitude[:, one : one + 1], amplitude[:, other]) * pair).sum(axis=1)
    total: FloatArray = np.maximum(amplitude.sum(axis=1), np.float32(1e-9))
    return np.asarray(result / total, np.float32)
