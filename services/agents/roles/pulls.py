"""How strongly words about the music call for entries of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Pull:
    """One entry that something calls for.

    Attributes:
        strength: Log-weight that it adds, 0 or more.
        reason: What calls for it.
    """

    strength: float
    reason: str


@dataclass(frozen=True, slots=True)
class Pulls:
    """All of them, by kind and name."""

    table: Mapping[tuple[str, str], Pull] = field(default_factory=dict)

    def strength(self, kind: str, name: str) -> float:
        """Log-weight of an entry; 0 where nothing calls for it."""
        pull = self.table.get((kind, name))
        return pull.strength if pull is not None else 0.0

    def reasons(self, kind: str, name: str) -> tuple[str, ...]:
        """What calls for an entry."""
        pull = self.table.get((kind, name))
        return (pull.reason,) if pull is not None else ()


NO_PULLS: Final = Pulls()
