"""What the agents share: notes that are written once, by somebody, for a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from services.agents.roles import Choice, Mind, Role
from services.agents.roles.validator import Finding

MAX_NOTES: Final = 2048
"""More than eight prompts with every finding and repair can make: past it, something goes round in circles."""


class Round(IntEnum):
    """When a note was written."""

    FIRST = 1
    """First thoughts."""
    REPAIR = 2
    """Repairs of what the validator found."""
    PROMPTS = 3
    """Putting it into words."""


class Topic(Enum):
    """What a note without an attribute is about."""

    MUSIC = "music"
    """The emotion that the agents go by."""
    CLUE = "clue"
    """Words about the music that were looked up."""
    WORDS = "words"
    """What a person's text names."""
    MIND = "mind"
    """How an agent thought, and why not otherwise."""
    PROMPT = "prompt"
    """A finished prompt."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A note in plain words."""

    topic: Topic
    words: str


Content = Choice | Finding | Remark


@dataclass(frozen=True, slots=True)
class Note:
    """One note.

    Attributes:
        author: Who wrote it.
        mind: What it thought with.
        round: When.
        picture: Which picture it is about, from 1; 0: all.
        content: A choice, a finding or a remark.
        evidence: What it rests on.
    """

    author: Role
    mind: Mind
    round: Round
    picture: int
    content: Content
    evidence: tuple[str, ...] = ()


class Blackboard:
    """Notes in the order in which they were written. Nothing is changed or taken away."""

    def __init__(self) -> None:
        self._notes: list[Note] = []

    def post(
        self,
        author: Role,
        content: Content,
        *,
        mind: Mind = Mind.RULES,
        round: Round = Round.FIRST,  # noqa: A002 - the name that the field has
        picture: int = 0,
        evidence: Iterable[str] = (),
    ) -> Note:
        """Write a note.

        Raises:
            RuntimeError: The board is full, which only a defect can bring about.
        """
        if len(self._notes) >= MAX_NOTES:
            raise RuntimeError(f"the blackboard has {MAX_NOTES} notes already")
        note = Note(author, mind, round, picture, content, tuple(evidence))
        self._notes.append(note)
        return note

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes."""
        return tuple(self._notes)

    def choices(self, picture: int) -> dict[str, Choice]:
        """The latest choice of each kind for one picture."""
        chosen = {}
        for note in self._notes:
            if note.picture == picture and isinstance(note.content, Choice):
                chosen[note.content.kind] = note.content
        return chosen

    def findings(self) -> tuple[Finding, ...]:
        """All findings, each as it stands: the latest note of the same picture, kind and attribute."""
        latest = {
            (note.content.picture, note.content.kind, note.content.attribute, note.content.message): note.content
            for note in self._notes
            if isinstance(note.content, Finding)
        }
        return tuple(latest.values())
