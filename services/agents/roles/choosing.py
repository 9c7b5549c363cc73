"""Weighted choice from the vocabulary: what feels alike is likely, what feels otherwise is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Final

from luce.server.vocabulary import Entry, lexicon, vocabulary
from services.agents.roles.agent import Task
from services.agents.roles.brief import Brief
from services.agents.roles.choice import Choice

# How far a kind may lie from the music's emotion: beyond it, it tells another feeling. A place may feel otherwise than
# what happens there; weather and light less so; the adjective of mood not at all. In valence, and in arousal.
FARTHEST: Final[Mapping[str, tuple[float, float]]] = {
    "mood": (0.8, 0.8),
    "palette": (1.1, 1.5),
    "light": (1.1, 1.3),
    "weather": (1.2, 1.5),
    "motion": (1.6, 1.0),
    "scene": (1.5, 1.8),
}


def choose(
    task: Task,
    kind: str,
    valence: float,
    arousal: float,
    rng: random.Random,
    *,
    spread: float = 0.3,
    repeat: float = 1.5,
    chosen: Mapping[str, str] | None = None,
    lean: Callable[[Entry], float] | None = None,
) -> Choice:
    """Draw one entry; its weight falls with its squared distance in the valence-arousal plane, as a normal curve.

    What is given is taken as it is. Otherwise a random number is drawn in any case, so that one kind more that is given
    leaves the others as they are.

    Args:
        task: What is asked; its pulls add to the weights, its uses take away.
        kind: One of the vocabulary's kinds.
        valence: Of the wish, -1..1.
        arousal: Of the wish, -1..1.
        rng: Where chance comes from.
        spread: Standard deviation of the curve, in units of the plane; small is strict.
        repeat: Log-weight that each earlier use takes away; infinite: never twice while others are left.
        chosen: Names chosen by the same agent, beside those given; what does not fit is left out.
        lean: Further log-weight of an entry.
    """
    point = rng.random()
    if kind in task.given:
        return Choice(kind, task.given[kind], reasons=("it is given",))
    beside = {**task.given, **(chosen or {})}
    banned = task.avoid.get(kind, frozenset()) | excluded(kind, beside)
    candidates = [entry for entry in vocabulary().entries(kind).values() if fits(entry, beside)]
    candidates = [entry for entry in candidates if entry.name not in banned] or candidates
    candidates = [entry for entry in candidates if not too_far(entry, task.brief)] or candidates
    if math.isinf(repeat):
        candidates = [entry for entry in candidates if not task.used.get((kind, entry.name))] or candidates
        repeat = 0.0
    scores = [
        -(entry.distance(valence, arousal) ** 2) / (2.0 * spread**2)
        + task.pulls.strength(kind, entry.name)
        - repeat * task.used.get((kind, entry.name), 0)
        + (lean(entry) if lean is not None else 0.0)
        for entry in candidates
    ]
    best = max(scores)
    entry = _at(point, candidates, [math.exp(score - best) for score in scores])
    felt = f"valence {valence:+.2f}, arousal {arousal:+.2f}"
    return Choice(kind, entry.name, reasons=(felt, *task.pulls.reasons(kind, entry.name)))


def _at(point: float, candidates: list[Entry], weights: list[float]) -> Entry:
    """The candidate at a point 0..1 of the weights laid end to end."""
    place = point * sum(weights)
    for candidate, weight in zip(candidates, weights, strict=True):
        place -= weight
        if place < 0:
            return candidate
    return candidates[-1]


def too_far(entry: Entry, brief: Brief) -> bool:
    """Whether the entry tells another feeling than the music's."""
    valence, arousal = FARTHEST.get(entry.kind, (math.inf, math.inf))
    return not brief.silent and (
        abs(entry.valence - brief.valence) > valence or abs(entry.arousal - brief.arousal) > arousal
    )


def fits(entry: Entry, chosen: Mapping[str, str]) -> bool:
    """Whether the entry goes with what was chosen."""
    return all(chosen[kind] in names for kind, names in entry.fits.items() if kind in chosen)


def excluded(kind: str, chosen: Mapping[str, str]) -> frozenset[str]:
    """Names of a kind that contradict what was chosen."""
    out = set()
    for pair in lexicon().contradictions:
        for here, there in ((pair.one, pair.other), (pair.other, pair.one)):
            if here[0] == kind and chosen.get(there[0]) == there[1]:
                out.add(here[1])
    return frozenset(out)
