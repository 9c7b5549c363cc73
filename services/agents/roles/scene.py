"""The scene agent: where it is, when, in what weather, and who or what is there."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from services.agents.roles.brief import Brief
from services.agents.roles.choosing import choose

_SUBJECT_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Scene:
    """Names from the vocabulary.

    Attributes:
        scene: The place.
        time: Of day.
        weather: The weather.
        subject: Who or what is there; None: nobody.
    """

    scene: str
    time: str
    weather: str
    subject: str | None


class SceneAgent:
    """Places by their feeling: gardens and islands for joy, canyons and cliffs for tension, snow for stillness."""

    def choose(self, brief: Brief, rng: random.Random, *, avoid: Collection[str] = ()) -> Scene:
        """One scene.

        Args:
            brief: The music.
            rng: Where chance comes from.
            avoid: Places that other pictures of the same set show.
        """
        scene = choose("scene", brief.valence, 0.7 * brief.energy, rng, spread=0.32, avoid=avoid)
        # Darkness falls with the valence; excitement belongs to the weather rather than to the hour.
        time = choose("time", 0.9 * brief.valence, 0.2 * brief.arousal, rng, spread=0.22)
        weather = choose("weather", brief.tonal_valence, brief.arousal, rng, spread=0.3)
        chosen = {"scene": scene.name, "time": time.name, "weather": weather.name}
        subject = None
        if not brief.silent and rng.random() < _SUBJECT_SHARE:
            subject = choose("subject", brief.valence, 0.5 * brief.arousal, rng, spread=0.3, chosen=chosen).name
        return Scene(scene.name, time.name, weather.name, subject)
