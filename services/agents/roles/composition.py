"""The composition agent: framing and viewpoint, from how much happens in the music."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose

# The vocabulary's compositions lie within about 0.3 of calm.
_REACH: Final = 0.3


@dataclass(frozen=True, slots=True)
class Composition:
    """Framing of one picture."""

    composition: Choice

    def choices(self) -> tuple[Choice, ...]:
        """All that was chosen."""
        return (self.composition,)


class CompositionAgent:
    """Fast and loud comes close; slow and soft keeps its distance under a big sky."""

    role: ClassVar[Role] = Role.COMPOSITION
    kinds: ClassVar[tuple[str, ...]] = ("composition",)
    optional: ClassVar[frozenset[str]] = frozenset()

    def choose(self, task: Task, rng: random.Random) -> Composition:
        """One composition."""
        drive = 0.5 * task.brief.pace + 0.5 * task.brief.power
        valence = 0.1 + 0.1 * task.brief.valence
        return Composition(choose(task, "composition", valence, _REACH * drive, rng, spread=0.12, repeat=2.0))

    def take(self, choices: Mapping[str, Choice]) -> Composition:
        """The composition of given choices."""
        return Composition(choices["composition"])
