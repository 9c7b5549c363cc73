"""The questions of templates/v1/extraction.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from string import Template
from types import MappingProxyType
from typing import Final

VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class Questions:
    """How the agents ask.

    Attributes:
        system: What an agent that chooses attributes is told first.
        repair: What it is told when the validator found faults.
        steps: Its steps of thought, by the role's name.
        prompt: What the prompt agent is told.
        single: What the single agent is told that writes prompts alone.
    """

    system: Template
    repair: str
    steps: Mapping[str, tuple[str, ...]]
    prompt: Template
    single: Template

    def instruct(self, role: str, count: int) -> str:
        """The whole instruction of an agent that chooses attributes."""
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps[role], start=1))
        return f"{self.system.substitute(role=role, count=count)}\nSteps:\n{steps}"


@lru_cache(maxsize=1)
def questions() -> Questions:
    """Read the file; the same object at every call."""
    text = resources.files("services.agents").joinpath("templates", VERSION, "extraction.toml").read_text("utf-8")
    raw = tomllib.loads(text)
    roles = ("scene", "verb", "style", "colour", "composition")
    return Questions(
        system=Template(raw["system"]),
        repair=raw["repair"],
        steps=MappingProxyType({role: tuple(raw[role]["steps"]) for role in roles}),
        prompt=Template(raw["prompt"]["system"]),
        single=Template(raw["single"]["system"]),
    )
