"""The colour agent: palette and light. Pleasant is warm and bright, unpleasant is muted and dark."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from luce.server.vocabulary import Entry, lexicon
from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose

# Log-weight of a unit of warmth and of brightness at full valence: palettes span 0.7 of warmth and 0.2 of brightness.
_WARMTH_LEAN: Final = 9.0
_BRIGHTNESS_LEAN: Final = 12.0
_NATURAL_LEAN: Final = -1.0


@dataclass(frozen=True, slots=True)
class Colour:
    """Palette and lighting of one picture.

    Attributes:
        palette: The colours.
        light: The light; it fits the hour and the weather.
    """

    palette: Choice
    light: Choice

    def choices(self) -> tuple[Choice, ...]:
        """All that was chosen."""
        return (self.palette, self.light)


class ColourAgent:
    """Palette by emotion, its quadrant and the mode of the key; light by emotion, hour and weather.

    What the scene agent decided is among what is given.
    """

    role: ClassVar[Role] = Role.COLOUR
    kinds: ClassVar[tuple[str, ...]] = ("palette", "light")
    optional: ClassVar[frozenset[str]] = frozenset()

    def choose(self, task: Task, rng: random.Random) -> Colour:
        """Colours for a scene."""
        brief = task.brief

        def lean(entry: Entry) -> float:
            wording = lexicon().wording(entry.kind, entry.name)
            tint = _WARMTH_LEAN * wording.warmth + _BRIGHTNESS_LEAN * wording.brightness
            return brief.tonal_valence * tint + (
                _NATURAL_LEAN if entry.kind == "palette" and not entry.colours else 0.0
            )

        palette = choose(task, "palette", brief.tonal_valence, brief.arousal, rng, spread=0.32, repeat=3.0, lean=lean)
        light = choose(task, "light", brief.valence, brief.arousal, rng, spread=0.25, repeat=1.0, lean=lean)
        return Colour(palette, light)

    def take(self, choices: Mapping[str, Choice]) -> Colour:
        """The colours of given choices."""
        return Colour(choices["palette"], choices["light"])
