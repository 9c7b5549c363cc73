"""An impression: what was seen or read, before any music is thought of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from luce.emotion import Emotion
from luce.server.chain.lexicon import Sight

_KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sight, and how surely it is there, (0, 1]."""

    sight: Sight
    weight: float


@dataclass(frozen=True, slots=True)
class Impression:
    """The ground that the chain reasons from.

    Attributes:
        emotion: of the picture or text.
        sightings: the surest first; may be empty.
        description: in words; made up from the sights where there is none.
        motion: still (-1) to fast (1).
    """

    emotion: Emotion
    sightings: tuple[Sighting, ...] = ()
    description: str = ""
    motion: float = 0.0

    def of_kind(self, *kinds: str) -> tuple[Sight, ...]:
        """The sights of some kinds, the surest first."""
        return tuple(sighting.sight for sighting in self.sightings if sighting.sight.kind in kinds)


def pooled(shots: Sequence[Impression], seconds: Sequence[float]) -> Impression:
    """Several shots as one: emotion, motion and sights weighted by their length.

    Args:
        shots: at least one.
        seconds: length of each, above 0.

    Raises:
        ValueError: no shot, lengths that do not fit the shots, or a length that is not above 0.
    """
    if not shots or len(shots) != len(seconds) or min(seconds) <= 0:
        raise ValueError("pooled: one length above 0 is needed for each of at least one shot")
    total = sum(seconds)
    shares = [length / total for length in seconds]

    def mean(values: Iterable[float]) -> float:
        return max(-1.0, min(1.0, sum(share * value for share, value in zip(shares, values, strict=True))))

    weights: dict[tuple[str, str], tuple[Sight, float]] = {}
    for share, shot in zip(shares, shots, strict=True):
        for sighting in shot.sightings:
            key = (sighting.sight.kind, sighting.sight.name)
            weights[key] = (sighting.sight, weights.get(key, (sighting.sight, 0.0))[1] + share * sighting.weight)
    order = sorted(weights.values(), key=lambda item: -item[1])[:_KEPT]
    return Impression(
        Emotion(
            mean(shot.emotion.valence for shot in shots),
            mean(shot.emotion.arousal for shot in shots),
            mean(shot.emotion.dominance for shot in shots),
        ),
        tuple(Sighting(sight, min(1.0, weight)) for sight, weight in order),
        shots[max(range(len(shots)), key=lambda index: seconds[index])].description,
        mean(shot.motion for shot in shots),
    )
