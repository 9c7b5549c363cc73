"""The colour agent: palette and light. Pleasant is warm and bright, unpleasant is muted and dark."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from luce.server.vocabulary import Entry, lexicon
from services.agents.roles.agent import Task
from services.agents.roles.choice import Choice, Role
from services.agents.roles.choosing import choose
from services.agents.roles.seeing import nearness

# How warm (red minus blue) a picture is at full valence, and how strictly. Were warmth only leant on, excitement would
# decide it where music is neither pleasant nor unpleasant: fire and blood are warm, and the sea at rest is blue.
_WARMTH: Final = 0.4
_WARMTH_SPREAD: Final = 0.06
# Log-weight of a unit of brightness at full valence: palettes span 0.2.
_BRIGHTNESS_LEAN: Final = 90.0
_NATURAL_LEAN: Final = -1.0
# How strictly colours make up for what the rest of the picture feels like; half of what chance adds to a picture.
_NEAR: Final = 0.05


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
    """Palette by emotion and the mode of the key; light by emotion, hour and weather.

    What the others decided is among what is given: colours come last, because they can make up for how the rest feels.
    """

    role: ClassVar[Role] = Role.COLOUR
    kinds: ClassVar[tuple[str, ...]] = ("palette", "light")
    optional: ClassVar[frozenset[str]] = frozenset()

    def choose(self, task: Task, rng: random.Random) -> Colour:
        """Colours for a scene."""
        brief = task.brief
        where = (brief.tonal_valence, brief.arousal)
        palette = choose(task, "palette", *where, rng, spread=0.5, repeat=3.0, lean=_lean(task, {}))
        chosen = {"palette": palette.name}
        where = (brief.valence, brief.arousal)
        light = choose(task, "light", *where, rng, spread=0.25, repeat=1.0, chosen=chosen, lean=_lean(task, chosen))
        return Colour(palette, light)

    def take(self, choices: Mapping[str, Choice]) -> Colour:
        """The colours of given choices."""
        return Colour(choices["palette"], choices["light"])


def _lean(task: Task, chosen: Mapping[str, str]) -> Callable[[Entry], float]:
    """Log-weights: as warm as the music is pleasant, bright with it, and what makes up for how the rest feels."""
    beside = {**task.given, **chosen}
    near = nearness(task.brief, beside, _NEAR)
    wanted = _WARMTH * task.brief.tonal_valence - sum(lexicon().wording(kind, beside[kind]).warmth for kind in beside)

    def lean(entry: Entry) -> float:
        wording = lexicon().wording(entry.kind, entry.name)
        tint = task.brief.tonal_valence * _BRIGHTNESS_LEAN * wording.brightness
        cast = -((wording.warmth - wanted) ** 2) / (2.0 * _WARMTH_SPREAD**2)
        natural = _NATURAL_LEAN if entry.kind == "palette" and not entry.colours else 0.0
        return tint + cast + natural + near(entry)

    return lean
