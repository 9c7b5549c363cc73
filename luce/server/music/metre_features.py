"""What the metre classifier reads: how the notes repeat at multiples of the pulse."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from luce.server.music.metre_layout import LONGEST, Floats, voices
from luce.server.music.notes import Notes
from luce.server.music.pulse import Pulse
from luce.server.music.spectra import FloatArray

#: Lags, in pulses, at which repetition is measured.
LAGS = (
    *(1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0, 5 / 2, 3.0, 4.0, 9 / 2, 5.0, 6.0, 7.0, 8.0, 9.0),
    *(10.0, 12.0, 15.0, 16.0, 18.0, 24.0),
)
#: What is said to repeat; see :func:`metre_features`.
STREAMS = (
    *("onsets", "lengths", "bass", "bass_lengths", "melody_lengths", "chords"),
    *("pitch_classes", "bass_pitch_classes", "changes_of_harmony", "pitches"),
)
FEATURE_COUNT = len(STREAMS) * len(LAGS) + 2
#: Bins a pulse on which the music is laid out.
_BINS = 24
#: Notes struck together that make a chord.
_CHORD_NOTES = 3
_LOWEST, _PITCHES = 21, 88


def metre_features(notes: Notes, pulse: Pulse) -> FloatArray:
    """Repetition at each of :data:`LAGS` of each of :data:`STREAMS`, the pulse and the density: (242,) float32.

    All is laid out in pulses, so that drift is gone: onsets by loudness, the same by length, those of the lowest notes
    plain and by length, those of the highest by length, chords, pitch classes, pitch classes of the bass, how much the
    harmony of a pulse differs from that of the one before, and exact pitches. The last two are octaves: of the pulse
    above half a second, and of a quarter plus the notes a pulse.

    Args:
        notes: at least one.
        pulse: of the piece.
    """
    begin, end = pulse.phase(notes.onset_s), pulse.phase(notes.offset_s)
    pitch, loud = notes.pitch.astype(np.int64), notes.amplitude.astype(np.float64)
    span = max(float(end.max(initial=0.0)), LAGS[-1] + 2)
    size = int(np.ceil(span * _BINS)) + 1
    place = np.clip(np.rint(begin * _BINS).astype(np.int64), 0, size - 1)
    lengths = np.minimum(end - begin, LONGEST)
    low, high, company = voices(begin, pitch)
    weights = (loud, loud * lengths, loud * low, loud * lengths * low, loud * lengths * high)
    rows = [_repetition(_onsets(place, weight, size)) for weight in (*weights, loud * (company >= _CHORD_NOTES))]
    held = np.sqrt(np.maximum(lengths, 0.05))
    classes = _laid_out(pitch % 12, place, held, (12, size))
    bass = _laid_out(pitch[low] % 12, place[low], np.ones(int(low.sum())), (12, size))
    rows += [_repetition(scipy.ndimage.gaussian_filter1d(part, _BINS / 8, axis=1)) for part in (classes, bass)]
    rows.append(_repetition(_changes(classes)))
    pitches = _laid_out(np.clip(pitch - _LOWEST, 0, _PITCHES - 1), place, np.ones(len(pitch)), (_PITCHES, size))
    rows.append(_repetition(scipy.ndimage.gaussian_filter1d(pitches, 1.5, axis=1)))
    density = len(pitch) / max(span, 1.0)
    return np.concatenate([*rows, [np.log2(pulse.period / 0.5), np.log2(0.25 + density)]]).astype(np.float32)


def _onsets(place: npt.NDArray[np.int64], weight: Floats, size: int) -> Floats:
    smooth = scipy.ndimage.gaussian_filter1d(np.sqrt(np.bincount(place, weights=weight, minlength=size)), 1.2)
    return np.asarray(smooth, np.float64)


def _laid_out(
    row: npt.NDArray[np.int64], place: npt.NDArray[np.int64], weight: Floats, shape: tuple[int, int]
) -> FloatArray:
    table = np.zeros(shape, np.float32)
    np.add.at(table, (row, place), weight)
    return table


def _changes(classes: FloatArray) -> Floats:
    """How little the pitch classes (12, T) of the pulse after each bin are those of the pulse before it, (T,)."""
    before = scipy.ndimage.uniform_filter1d(classes, _BINS, axis=1, origin=_BINS // 2 - 1)
    after = scipy.ndimage.uniform_filter1d(classes, _BINS, axis=1, origin=-(_BINS // 2))
    lengths = np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=0)
    return np.asarray(1 - (before * after).sum(axis=0) / np.maximum(lengths, 1e-6), np.float64)


def _repetition(stream: npt.NDArray[np.floating]) -> Floats:
    """Normalised autocorrelation of a stream (..., T) at the lags, over all its rows; 0 where it is too short."""
    rows = np.atleast_2d(stream)
    rows = rows - rows.mean(axis=1, keepdims=True)
    energy, length = max(float(np.square(rows).sum()), 1e-9), rows.shape[1]
    found = []
    for lag in LAGS:
        shift = round(lag * _BINS)
        kept = length - shift
        product = np.einsum("rt,rt->", rows[:, shift:], rows[:, :-shift], dtype=np.float64) if kept > _BINS else 0.0
        found.append(float(product) / energy * length / max(kept, 1))
    return np.array(found)
