"""A score: bars of one metre on a grid of sixteenths, notes in three roles.

Roles, not instruments: the composer writes bass, harmony and melody, and an orchestration says who plays them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

#: Positions of a quarter note.
GRID: Final = 4

BASS, HARMONY, MELODY = 0, 1, 2
ROLES: Final = ("bass", "harmony", "melody")

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Metre:
    """A metre that the composer knows.

    Attributes:
        name: as written, "3/4".
        numerator: upper number.
        denominator: lower number.
        positions: sixteenths of a bar.
        beat: sixteenths of a beat as it is felt.
    """

    name: str
    numerator: int
    denominator: int
    positions: int
    beat: int

    @property
    def quarters(self) -> float:
        """Quarter notes of a bar."""
        return self.positions / GRID


METRES: Final = (Metre("4/4", 4, 4, 16, 4), Metre("3/4", 3, 4, 12, 4), Metre("6/8", 6, 8, 12, 6))


@dataclass(frozen=True)
class Score:
    """Notes on the grid, in order of onset, role and pitch.

    Attributes:
        metre: index into :data:`METRES`.
        bars: how many bars there are; nothing sounds after them.
        onset: (N,) sixteenths from the beginning.
        length: (N,) sixteenths, at least 1.
        pitch: (N,) MIDI numbers.
        role: (N,) :data:`BASS`, :data:`HARMONY` or :data:`MELODY`.
    """

    metre: int
    bars: int
    onset: Whole
    length: Whole
    pitch: Whole
    role: Whole

    @classmethod
    def sorted(
        cls,
        metre: int,
        bars: int,
        *,
        onset: npt.ArrayLike,
        length: npt.ArrayLike,
        pitch: npt.ArrayLike,
        role: npt.ArrayLike,
    ) -> Score:
        """A score from sequences of one length, in any order."""
        columns = [np.asarray(column, np.int64) for column in (onset, length, pitch, role)]
        order = np.lexsort((columns[2], columns[3], columns[0]))
        return cls(metre, bars, *(column[order] for column in columns))

    @property
    def count(self) -> int:
        """How many notes there are."""
        return int(self.onset.size)

    @property
    def positions(self) -> int:
        """Sixteenths of the whole score."""
        return self.bars * METRES[self.metre].positions

    def between(self, first: int, last: int) -> Score:
        """Bars ``first`` to ``last`` (exclusive): the notes that begin there, counted from bar ``first``."""
        size = METRES[self.metre].positions
        inside = (self.onset >= first * size) & (self.onset < last * size)
        onset = self.onset[inside] - first * size
        length = np.minimum(self.length[inside], (last - first) * size - onset)
        return Score(self.metre, last - first, onset, length, self.pitch[inside], self.role[inside])

    def transposed(self, semitones: int) -> Score:
        """The same, higher or lower."""
        return replace(self, pitch=self.pitch + semitones)

    def followed_by(self, other: Score) -> Score:
        """This score, then another of the same metre."""
        if other.metre != self.metre:
            raise ValueError("scores of two metres cannot be joined")
        return Score(
            self.metre,
            self.bars + other.bars,
            np.concatenate([self.onset, other.onset + self.positions]),
            np.concatenate([self.length, other.length]),
            np.concatenate([self.pitch, other.pitch]),
            np.concatenate([self.role, other.role]),
        )
