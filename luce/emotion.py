"""Emotion as a point: valence, arousal, dominance, each in [-1, 1], and the scales of the data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

# Lowest and highest value of each data set's own scale.
SCALES: Final[dict[str, tuple[float, float]]] = {
    "deam": (-1.0, 1.0),  # DEAM dynamic annotations (Aljanaki et al. 2017)
    "vgmidi": (-1.0, 1.0),  # VGMIDI (Ferreira & Whitehead 2019)
    "emotic": (1.0, 10.0),  # EMOTIC (Kosti et al. 2017)
    "emobank": (1.0, 5.0),  # EmoBank (Buechel & Hahn 2017)
    "oasis": (1.0, 7.0),  # OASIS (Kurdi et al. 2017)
    "mood_tags": (1.0, 9.0),  # Warriner's norms, as used for mood tags
    "spotify": (0.0, 1.0),  # Spotify audio features
}

_LARGEST_DISTANCE: Final = 2.0 * math.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Emotion:
    """A point of feeling.

    Attributes:
        valence: Unpleasant (-1) to pleasant (+1).
        arousal: Calm (-1) to excited (+1).
        dominance: Submissive (-1) to dominant (+1); 0 where unknown.

    Raises:
        ValueError: A coordinate is not a number in [-1, 1].
    """

    valence: float
    arousal: float
    dominance: float = 0.0

    def __post_init__(self) -> None:
        for name in ("valence", "arousal", "dominance"):
            value = getattr(self, name)
            if not -1.0 <= value <= 1.0:
                raise ValueError(f"{name} must be in [-1, 1], not {value}")

    @property
    def quadrant(self) -> str:
        """Q1 (+v +a), Q2 (-v +a), Q3 (-v -a), Q4 (+v -a); Russell's circumplex (1980)."""
        if self.arousal >= 0:
            return "Q1" if self.valence >= 0 else "Q2"
        return "Q4" if self.valence >= 0 else "Q3"

    def distance(self, other: Emotion) -> float:
        """Euclidean distance in the valence-arousal plane, 0..2·√2."""
        return math.hypot(self.valence - other.valence, self.arousal - other.arousal)

    def similarity(self, other: Emotion) -> float:
        """1 at the same point, 0 at opposite corners: `1 - distance / (2·√2)`, the S_mi of MESA-MIG on this scale."""
        return 1.0 - self.distance(other) / _LARGEST_DISTANCE


def from_scale(value: float, scale: str) -> float:
    """A data set's value on [-1, 1], clipped.

    Raises:
        KeyError: The scale is not in `SCALES`.
    """
    low, high = SCALES[scale]
    return max(-1.0, min(1.0, 2.0 * (value - low) / (high - low) - 1.0))
