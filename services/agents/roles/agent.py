"""What the five agents that choose attributes have in common: one task in, one typed proposal out."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar

from luce.server.vocabulary import lexicon
from services.agents.roles.brief import Brief
from services.agents.roles.choice import Choice, Role
from services.agents.roles.pulls import NO_PULLS, Pulls


@dataclass(frozen=True, slots=True)
class Task:
    """What an agent is asked for: its say in one picture.

    Attributes:
        brief: The music.
        pulls: Which entries the words about the music call for.
        given: Kind to name of what is decided already; kept, and gone along with.
        used: How often each (kind, name) was chosen for earlier pictures of the set.
        avoid: Names by kind that must not come (again).
    """

    brief: Brief
    pulls: Pulls = NO_PULLS
    given: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[tuple[str, str], int] = field(default_factory=dict)
    avoid: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Proposal(Protocol):
    """An agent's say in one picture."""

    def choices(self) -> tuple[Choice, ...]:
        """All that was chosen, at most one of each kind."""


P_co = TypeVar("P_co", bound=Proposal, covariant=True)


class Agent(Protocol[P_co]):
    """One agent that chooses attributes, by rules. It knows no transport and keeps no state.

    Attributes:
        role: Who it is.
        kinds: The kinds of the vocabulary that it decides.
        optional: Those of them that a picture may go without.
    """

    role: ClassVar[Role]
    kinds: ClassVar[tuple[str, ...]]
    optional: ClassVar[frozenset[str]]

    def choose(self, task: Task, rng: random.Random) -> P_co:
        """Decide by lexicons, emotion and chance: the same task and state of `rng`, the same proposal."""

    def take(self, choices: Mapping[str, Choice]) -> P_co:
        """The proposal made of choices that somebody else made, one of each kind that is not optional."""


def default_choices(agent: Agent[Proposal]) -> dict[str, Choice]:
    """What is said of an agent's kinds where it keeps silent: the vocabulary's plain defaults."""
    chosen = {}
    for kind in agent.kinds:
        if (wording := lexicon().default(kind)) is not None:
            reasons = (f"the {agent.role.value} agent keeps silent",)
            chosen[kind] = Choice(kind, wording.entry.name, wording.words[0], reasons)
    return chosen
