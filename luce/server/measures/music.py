"""What composed music is like: Story2MIDI's objective check by quadrant, and statistics to hold beside real music.

Story2MIDI finds that major-key ratio and note length differ between the quadrants of the emotion asked for. Pitch-class
entropy and the likeness of bars follow MusPy and Wu and Yang (2020, "The Jazz Transformer"), on notes in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.stats

from luce.server.music.notes import Notes

FORM: Final = ("pitch_class_entropy", "note_density", "self_similarity")

_BAR_PLACES = 16
_LOOK_BACK = 8


def quadrant(valence: float, arousal: float) -> int:
    """1 (pleasant, excited), 2 (unpleasant, excited), 3 (unpleasant, calm) or 4 (pleasant, calm); 0 counts as above."""
    if arousal >= 0:
        return 1 if valence >= 0 else 2
    return 4 if valence >= 0 else 3


def pitch_class_entropy(notes: Notes) -> float:
    """Entropy of the pitch classes, each note counted once, in bits: 0 for one, log2 12 = 3.58 for all alike."""
    if not notes.count:
        return 0.0
    shares = np.bincount(notes.pitch % 12, minlength=12) / notes.count
    used = shares[shares > 0]
    return float(-(used * np.log2(used)).sum())


def note_density(notes: Notes, seconds: float) -> float:
    """Notes a second."""
    return notes.count / seconds


def self_similarity(notes: Notes, bar_s: float) -> float:
    """How like earlier bars the bars are, 0 to 1.

    A bar is a table of 12 pitch classes at 16 places, 1 where a note begins. The likeness of two bars is their cosine;
    every bar but the first counts with that to the likest of the eight before it. Empty bars are like nothing.

    Args:
        notes: the piece, which begins with a bar.
        bar_s: seconds of a bar.
    """
    if not notes.count:
        return 0.0
    places = np.round(notes.onset_s.astype(np.float64) / bar_s * _BAR_PLACES).astype(np.int64)
    bars = int(places.max()) // _BAR_PLACES + 1
    table = np.zeros((bars, _BAR_PLACES, 12))
    table[places // _BAR_PLACES, places % _BAR_PLACES, notes.pitch % 12] = 1
    flat = table.reshape(bars, -1)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    likeness = flat @ flat.T
    best = [likeness[bar, max(0, bar - _LOOK_BACK) : bar].max() for bar in range(1, bars)]
    return float(np.mean(best)) if best else 0.0


def form(notes: Notes, seconds: float, bar_s: float) -> tuple[float, float, float]:
    """What :data:`FORM` names."""
    return pitch_class_entropy(notes), note_density(notes, seconds), self_similarity(notes, bar_s)


@dataclass(frozen=True, slots=True)
class QuadrantCheck:
    """Story2MIDI's objective check.

    Attributes:
        pieces: by quadrant 1 to 4.
        major_ratio: share of the pieces in a major key, by quadrant.
        note_length_s: mean over the pieces of the mean length of their notes, by quadrant.
        major_p: probability of so different ratios by chance (chi-squared over the 2 x 4 table).
        length_p: likewise of the lengths (Kruskal and Wallis).
    """

    pieces: tuple[int, ...]
    major_ratio: tuple[float, ...]
    note_length_s: tuple[float, ...]
    major_p: float
    length_p: float


def quadrant_check(quadrants: Sequence[int], major: Sequence[bool], note_length_s: npt.ArrayLike) -> QuadrantCheck:
    """Compare the quadrants.

    Args:
        quadrants: 1 to 4 of each piece; each has two pieces at least.
        major: whether its key is major.
        note_length_s: mean length of its notes.

    Raises:
        ValueError: the lengths differ, or a quadrant has fewer than two pieces.
    """
    kinds, is_major = np.asarray(quadrants), np.asarray(major, np.bool_)
    lengths = np.asarray(note_length_s, np.float64)
    if not kinds.shape == is_major.shape == lengths.shape:
        raise ValueError("one quadrant, one mode and one length for each piece")
    groups = [kinds == number for number in (1, 2, 3, 4)]
    if min(int(group.sum()) for group in groups) < 2:
        raise ValueError("each quadrant needs two pieces at least")
    table = np.array([[is_major[group].sum() for group in groups], [(~is_major[group]).sum() for group in groups]])
    # Without a single piece of one mode there is nothing to compare.
    major_p = float(scipy.stats.chi2_contingency(table).pvalue) if table.sum(axis=1).all() else 1.0
    same = bool(np.ptp(lengths) == 0)
    length_p = 1.0 if same else float(scipy.stats.kruskal(*(lengths[group] for group in groups)).pvalue)
    return QuadrantCheck(
        pieces=tuple(int(group.sum()) for group in groups),
        major_ratio=tuple(float(is_major[group].mean()) for group in groups),
        note_length_s=tuple(float(lengths[group].mean()) for group in groups),
        major_p=major_p,
        length_p=length_p,
    )
