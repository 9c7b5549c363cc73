"""The style agent: how it is rendered, its texture, and the words of its mood."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from luce.server.vocabulary import Entry, lexicon
from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose
from services.agents.roles.seeing import nearness

# Log-weight of a unit of brightness at full valence: styles span 0.2.
_BRIGHTNESS_LEAN: Final = 40.0
# How strictly the style of a set's first picture goes by how it makes pictures feel; the further ones bring variety.
_NEAR: Final = 0.12


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
        """One style; no medium comes twice in a set while others are left, and no mood while others are near."""
        brief = task.brief
        mood = choose(task, "mood", brief.valence, brief.arousal, rng, spread=0.16, repeat=3.0)
        near = nearness(brief, {**task.given, "mood": mood.name}, _NEAR)
        before = sum(count for (kind, _), count in task.used.items() if kind == "style")

        def lean(entry: Entry) -> float:
            tint = _BRIGHTNESS_LEAN * lexicon().wording(entry.kind, entry.name).brightness
            return brief.valence * tint + near(entry) / (1 + before)

        valence, arousal = 0.4 * brief.valence, 0.4 * brief.arousal
        style = choose(task, "style", valence, arousal, rng, spread=0.4, repeat=math.inf, lean=lean)
        return Style(style, mood)

    def take(self, choices: Mapping[str, Choice]) -> Style:
        """The style of given choices."""
        return Style(choices["style"], choices["mood"])
