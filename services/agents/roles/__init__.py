"""The agents of MESA-MIG, each with one say in the picture: scene, verb, style, colour, composition."""

from __future__ import annotations

from services.agents.roles.brief import Brief, brief_of
from services.agents.roles.colour import Colour, ColourAgent
from services.agents.roles.composition import CompositionAgent
from services.agents.roles.scene import Scene, SceneAgent
from services.agents.roles.style import Style, StyleAgent
from services.agents.roles.verb import VerbAgent

__all__ = [
    "Brief",
    "Colour",
    "ColourAgent",
    "CompositionAgent",
    "Scene",
    "SceneAgent",
    "Style",
    "StyleAgent",
    "VerbAgent",
    "brief_of",
]
