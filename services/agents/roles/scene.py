"""The scene agent: where it is, when, in what weather, and who or what is there."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose

_SUBJECT_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Scene:
    """Environment and iconography of one picture.

    Attributes:
        scene: The place.
        time: Of day.
        weather: The weather.
        subject: Who or what is there; None: nobody.
    """

    scene: Choice
    time: Choice
    weather: Choice
    subject: Choice | None

    def choices(self) -> tuple[Choice, ...]:
        """All that was chosen."""
        return (self.scene, self.time, self.weather, *((self.subject,) if self.subject is not None else ()))


class SceneAgent:
    """Places by what is heard, and by their feeling: islands for joy, cliffs for tension, snow for stillness."""

    role: ClassVar[Role] = Role.SCENE
    kinds: ClassVar[tuple[str, ...]] = ("scene", "time", "weather", "subject")
    optional: ClassVar[frozenset[str]] = frozenset({"subject"})

    def choose(self, task: Task, rng: random.Random) -> Scene:
        """One scene; no place comes twice in a set while others are left."""
        brief = task.brief
        scene = choose(task, "scene", brief.valence, 0.7 * brief.energy, rng, spread=0.32, repeat=math.inf)
        chosen = {"scene": scene.name}
        # Darkness falls with the valence; excitement belongs to the weather rather than to the hour.
        time = choose(task, "time", 0.9 * brief.valence, 0.2 * brief.arousal, rng, spread=0.22, chosen=chosen)
        chosen["time"] = time.name
        weather = choose(task, "weather", brief.tonal_valence, brief.arousal, rng, spread=0.3, chosen=chosen)
        chosen["weather"] = weather.name
        # Both are drawn always: who is there hangs on nothing else.
        populated = rng.random() < _SUBJECT_SHARE
        subject = choose(task, "subject", brief.valence, 0.5 * brief.arousal, rng, spread=0.3, chosen=chosen)
        there = "subject" in task.given or (populated and not brief.silent)
        return Scene(scene, time, weather, subject if there else None)

    def take(self, choices: Mapping[str, Choice]) -> Scene:
        """The scene of given choices."""
        return Scene(choices["scene"], choices["time"], choices["weather"], choices.get("subject"))
