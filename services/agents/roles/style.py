"""The style agent: how it is rendered, and the words of its mood."""

from __future__ import annotations

import random
from dataclasses import dataclass

from luce.server.vocabulary import vocabulary
from services.agents.roles.brief import Brief
from services.agents.roles.choosing import choose


@dataclass(frozen=True, slots=True)
class Style:
    """Names from the vocabulary.

    Attributes:
        style: The medium.
        moods: One or two adjectives, the stronger first.
    """

    style: str
    moods: tuple[str, ...]


class StyleAgent:
    """Mostly photographs; watercolour and pastel for calm, posters for joy, ink for gloom, oil for passion."""

    def choose(self, brief: Brief, rng: random.Random) -> Style:
        """One style."""
        style = choose("style", 0.4 * brief.valence, 0.4 * brief.arousal, rng, spread=0.25)
        first = choose("mood", brief.valence, brief.arousal, rng, spread=0.15)
        moods = [first.name]
        # A second word where another one says nearly the same.
        for other in vocabulary().nearest("mood", brief.valence, brief.arousal, count=3):
            if other.name != first.name and other.distance(first.valence, first.arousal) < 0.4 and len(moods) < 2:
                moods.append(other.name)
        return Style(style.name, tuple(moods))
