"""Notes on a grid of the pulse, as the metre network reads them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from luce.server.music.notes import Notes
from luce.server.music.pulse import Pulse
from luce.server.music.spectra import FloatArray

#: Bins a pulse.
BINS = 12
#: Rows: onsets by loudness, by loudness and length, of the bass, of the melody, of the bass by length; what sounds of
#: each pitch class; where the bass begins on each pitch class.
ROWS = 5 + 12 + 12
#: A note is of the bass where none is lower within so many pulses, and is struck with those within so many of it.
_BASS_REACH, _CHORD_REACH = 2.1, 0.05
#: A note's length counts to so many pulses.
LONGEST = 4.0

Floats = npt.NDArray[np.float64]


def lay_out(notes: Notes, pulse: Pulse) -> FloatArray:
    """The rows of :data:`ROWS` over time, (29, T) float32 with T even, twelve bins a pulse from the first note on.

    Square roots of sums of amplitudes (0 to 1 each). An onset between two bins is shared by them.

    Args:
        notes: at least one.
        pulse: of the piece.
    """
    begin, end = pulse.phase(notes.onset_s), pulse.phase(notes.offset_s)
    begin, end = begin - begin[0], end - begin[0]
    pitch, loud = notes.pitch.astype(np.int64), notes.amplitude.astype(np.float64)
    place = begin * BINS
    left = np.floor(place).astype(np.int64)
    share = place - left
    size = int(np.ceil(float(end.max()) * BINS)) + 2
    size += size % 2
    table = np.zeros((ROWS, size))
    low, high, _ = voices(begin, pitch)
    lengths = np.minimum(end - begin, LONGEST)
    for row, weight in enumerate((loud, loud * lengths, loud * low, loud * high, loud * low * lengths)):
        np.add.at(table[row], left, weight * (1 - share))
        np.add.at(table[row], left + 1, weight * share)
    changes = np.zeros((12, size + 1))
    first = np.rint(place).astype(np.int64)
    last = np.minimum(np.rint(end * BINS).astype(np.int64), size)
    np.add.at(changes, (pitch % 12, first), loud)
    np.add.at(changes, (pitch % 12, np.maximum(last, first + 1)), -loud)
    table[5:17] = np.maximum(changes.cumsum(axis=1)[:, :size], 0)
    bass = pitch[low] % 12
    np.add.at(table, (17 + bass, left[low]), (loud * (1 - share))[low])
    np.add.at(table, (17 + bass, left[low] + 1), (loud * share)[low])
    return np.sqrt(table).astype(np.float32)


def voices(
    begin: Floats, pitch: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Whether each note is of the bass, whether it is the highest of its onset, and how many are struck with it.

    Args:
        begin: (N,) onsets in pulses, in order.
        pitch: (N,) MIDI numbers.
    """
    order = np.maximum.accumulate(begin)

    def near(reach: float) -> list[tuple[int, int]]:
        first, last = np.searchsorted(order, begin - reach), np.searchsorted(order, begin + reach, side="right")
        return list(zip(first.tolist(), last.tolist(), strict=True))

    lowest = np.array([int(pitch[a:b].min()) for a, b in near(_BASS_REACH)], np.int64)
    together = near(_CHORD_REACH)
    highest = np.array([int(pitch[a:b].max()) for a, b in together], np.int64)
    return pitch <= lowest + 2, pitch >= highest, np.array([b - a for a, b in together], np.int64)
