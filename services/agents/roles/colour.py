"""The colour agent: palette and light. Pleasant is warm and bright, unpleasant is muted and dark."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from luce.server.vocabulary import Entry
from services.agents.roles.brief import Brief
from services.agents.roles.choosing import brightness, choose, warmth
from services.agents.roles.scene import Scene

_WARMTH_LEAN: Final = 2.5
_BRIGHTNESS_LEAN: Final = 8.0


@dataclass(frozen=True, slots=True)
class Colour:
    """Names from the vocabulary.

    Attributes:
        palette: The colours.
        light: The light; it fits the hour and the weather.
    """

    palette: str
    light: str


class ColourAgent:
    """Palette by emotion and mode of the key; light by emotion, hour and weather."""

    def choose(self, brief: Brief, scene: Scene, rng: random.Random) -> Colour:
        """Colours for a scene."""

        def lean(palette: Entry) -> float:
            if not palette.colours:
                return -1.0
            bright = brightness(palette.colours) - 0.5
            return brief.tonal_valence * (_WARMTH_LEAN * warmth(palette.colours) + _BRIGHTNESS_LEAN * bright)

        palette = choose("palette", brief.tonal_valence, brief.arousal, rng, spread=0.28, lean=lean)
        chosen = {"time": scene.time, "weather": scene.weather}
        light = choose("light", brief.valence, brief.arousal, rng, spread=0.25, chosen=chosen)
        return Colour(palette.name, light.name)
