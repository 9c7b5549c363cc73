"""What agents choose, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from luce.server.vocabulary import Entry, vocabulary


class Role(Enum):
    """The seven agents of MESA-MIG."""

    SCENE = "scene"
    VERB = "verb"
    STYLE = "style"
    COLOUR = "colour"
    COMPOSITION = "composition"
    VALIDATOR = "validator"
    PROMPT = "prompt"


class Mind(Enum):
    """What an agent thinks with."""

    RULES = "rules"
    LLM = "llm"


ROLE_OF: Final = {
    "scene": Role.SCENE,
    "subject": Role.SCENE,
    "time": Role.SCENE,
    "weather": Role.SCENE,
    "motion": Role.VERB,
    "style": Role.STYLE,
    "mood": Role.STYLE,
    "palette": Role.COLOUR,
    "light": Role.COLOUR,
    "composition": Role.COMPOSITION,
}
"""Kind of the vocabulary to the agent that decides it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One attribute of one picture.

    Attributes:
        kind: Kind of the vocabulary.
        name: The entry that it is, so that every picture model knows it.
        words: How its author wants it said; "": as the prompt agent likes.
        reasons: What led to it.
    """

    kind: str
    name: str
    words: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def entry(self) -> Entry:
        """The entry of the vocabulary."""
        return vocabulary().entry(self.kind, self.name)

    @property
    def plain(self) -> str:
        """The author's words, or the plainest of the vocabulary."""
        return self.words or self.entry.phrases[0]
