"""How far a composed piece is from what music is like: chance now and then strays where no musician would."""

from __future__ import annotations

from typing import Final

import numpy as np

from luce.server.measures.music import form
from luce.server.music.composing.planning import corpus
from luce.server.music.notes import Notes

WEIGHT: Final = 1.0


def strangeness(notes: Notes, seconds: float, bar_s: float) -> float:
    """0 for a piece whose form is like that of four fifths of real music of its length, in each of its measures.

    Beyond that, the distance to it over pitch-class entropy, note density and self-similarity: a width of that range
    weighs as much as `WEIGHT` on an axis of emotion.

    Args:
        notes: as they are played.
        seconds: length of the piece.
        bar_s: of a bar.
    """
    low, high = corpus().ordinary(seconds)
    found = np.array(form(notes, seconds, bar_s))
    beyond = np.maximum(low - found, 0) + np.maximum(found - high, 0)
    return float(WEIGHT * np.linalg.norm(beyond / (high - low)))
