"""The verb agent: how things move. More arousal, more motion."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose

# How much the tempo has a say beside the arousal, which was heard with the tempo in view.
_PACE_SHARE: Final = 0.1
# Motions lie about 0.3 apart in arousal: the first of a set is the nearest or its neighbour, and of the further ones,
# which bring variety, one that is two away is never drawn.
_FIRST_SPREAD: Final = 0.1
_SPREAD: Final = 0.18


@dataclass(frozen=True, slots=True)
class Motion:
    """How things move in one picture."""

    motion: Choice

    def choices(self) -> tuple[Choice, ...]:
        """All that was chosen."""
        return (self.motion,)


class VerbAgent:
    """Motion by arousal and pace; valence decides between surging and raging."""

    role: ClassVar[Role] = Role.VERB
    kinds: ClassVar[tuple[str, ...]] = ("motion",)
    optional: ClassVar[frozenset[str]] = frozenset()

    def choose(self, task: Task, rng: random.Random) -> Motion:
        """One motion."""
        brief = task.brief
        if brief.silent and "motion" not in task.given:
            return Motion(Choice("motion", "resting", reasons=("nothing is heard",)))
        drive = (1 - _PACE_SHARE) * brief.arousal + _PACE_SHARE * brief.pace
        spread = _SPREAD if any(kind == "motion" for kind, _ in task.used) else _FIRST_SPREAD
        return Motion(choose(task, "motion", 0.4 * brief.valence, drive, rng, spread=spread, repeat=0.7))

    def take(self, choices: Mapping[str, Choice]) -> Motion:
        """The motion of given choices."""
        return Motion(choices["motion"])
