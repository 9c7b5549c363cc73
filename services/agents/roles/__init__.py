"""The seven agents of MESA-MIG, each with one say in the picture, and without knowledge of where they run.

`SceneAgent`, `VerbAgent`, `StyleAgent`, `ColourAgent` and `CompositionAgent` choose attributes of the vocabulary;
`ValidatorAgent` reports what is wrong with them; `PromptAgent` puts them into words. MusePainter's five visual
dimensions are theirs: palette and lighting (colour), iconography (scene), composition (composition), textures (style).
"""

from __future__ import annotations

from services.agents.roles.agent import Agent, Proposal, Task, default_choices
from services.agents.roles.brief import Brief, brief_of
from services.agents.roles.choice import ROLE_OF, Choice, Mind, Role
from services.agents.roles.colour import Colour, ColourAgent
from services.agents.roles.composition import Composition, CompositionAgent
from services.agents.roles.prompting import PromptAgent, Said, Worded, negative_text, predicted_emotion
from services.agents.roles.pulls import NO_PULLS, Pull, Pulls
from services.agents.roles.scene import Scene, SceneAgent
from services.agents.roles.style import Style, StyleAgent
from services.agents.roles.validator import Finding, Kind, Outcome, Severity, ValidatorAgent
from services.agents.roles.verb import Motion, VerbAgent

__all__ = [
    "NO_PULLS",
    "ROLE_OF",
    "Agent",
    "Brief",
    "Choice",
    "Colour",
    "ColourAgent",
    "Composition",
    "CompositionAgent",
    "Finding",
    "Kind",
    "Mind",
    "Motion",
    "Outcome",
    "PromptAgent",
    "Proposal",
    "Pull",
    "Pulls",
    "Role",
    "Said",
    "Scene",
    "SceneAgent",
    "Severity",
    "Style",
    "StyleAgent",
    "Task",
    "ValidatorAgent",
    "VerbAgent",
    "Worded",
    "brief_of",
    "default_choices",
    "negative_text",
    "predicted_emotion",
]
