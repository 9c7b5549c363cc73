"""The style agent: how it is rendered, its texture, and the words of its mood."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose


@dataclass(frozen=True, slots=True)
class Style:
    """Rendering of one picture; its texture is one of the style's.

    Attributes:
        style: The medium.
        mood: The adjective.
    """

    style: Choice
    mood: Choice

    def choices(self) -> tuple[Choice, ...]:
        """All that was chosen."""
        return (self.style, self.mood)


class StyleAgent:
    """Media by the music's style and feeling: watercolour for calm, posters for joy, ink for gloom, oil for passion."""

    role: ClassVar[Role] = Role.STYLE
    kinds: ClassVar[tuple[str, ...]] = ("style", "mood")
    optional: ClassVar[frozenset[str]] = frozenset()

    def choose(self, task: Task, rng: random.Random) -> Style:
        """One style; no medium and no mood comes twice in a set while others are near."""
        brief = task.brief
        style = choose(task, "style", 0.4 * brief.valence, 0.4 * brief.arousal, rng, spread=0.4, repeat=4.0)
        mood = choose(task, "mood", brief.valence, brief.arousal, rng, spread=0.16, repeat=3.0)
        return Style(style, mood)

    def take(self, choices: Mapping[str, Choice]) -> Style:
        """The style of given choices."""
        return Style(choices["style"], choices["mood"])
