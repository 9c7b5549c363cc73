"""Weighted choice from the vocabulary: what feels alike is likely, what feels otherwise is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterable, Mapping

from luce.server.vocabulary import Entry, vocabulary


def choose(
    kind: str,
    valence: float,
    arousal: float,
    rng: random.Random,
    *,
    spread: float = 0.3,
    chosen: Mapping[str, str] | None = None,
    avoid: Collection[str] = (),
    lean: Callable[[Entry], float] | None = None,
) -> Entry:
    """Draw one entry; its weight falls with its squared distance in the valence-arousal plane, as a normal curve.

    Args:
        kind: One of the vocabulary's kinds.
        valence: Of the wish, -1..1.
        arousal: Of the wish, -1..1.
        rng: Where chance comes from.
        spread: Standard deviation of the curve, in units of the plane; small is strict.
        chosen: Names already chosen, by kind; what does not fit them is left out.
        avoid: Names to leave out, as long as others are left.
        lean: Further log-weight of an entry.
    """
    entries = [entry for entry in vocabulary().entries(kind).values() if fits(entry, chosen or {})]
    fresh = [entry for entry in entries if entry.name not in avoid]
    candidates = fresh or entries
    scores = [
        -(entry.distance(valence, arousal) ** 2) / (2.0 * spread**2) + (lean(entry) if lean is not None else 0.0)
        for entry in candidates
    ]
    best = max(scores)
    return rng.choices(candidates, [math.exp(score - best) for score in scores])[0]


def fits(entry: Entry, chosen: Mapping[str, str]) -> bool:
    """Whether the entry goes with what was chosen."""
    return all(chosen[kind] in names for kind, names in entry.fits.items() if kind in chosen)


def warmth(colours: Iterable[str]) -> float:
    """Mean of red minus blue, -1..1, of sRGB hex colours; 0 for none."""
    values = [(_channel(colour, 0) - _channel(colour, 2)) for colour in colours]
    return sum(values) / len(values) if values else 0.0


def brightness(colours: Iterable[str]) -> float:
    """Mean luma (Rec. 601), 0..1, of sRGB hex colours; 0.5 for none."""
    values = [
        0.299 * _channel(colour, 0) + 0.587 * _channel(colour, 1) + 0.114 * _channel(colour, 2) for colour in colours
    ]
    return sum(values) / len(values) if values else 0.5


def _channel(colour: str, index: int) -> float:
    return int(colour[1 + 2 * index : 3 + 2 * index], 16) / 255.0
