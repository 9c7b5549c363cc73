"""The phrasings of templates/v1/phrasing.toml: attributes in, one prompt out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from luce.server.measures.text import words
from luce.server.vocabulary import KINDS

VERSION: Final = "v1"
_FIELD: Final = re.compile(r"\{(\w+)\}")
_FIELDS: Final = frozenset({*KINDS, "texture"})


@dataclass(frozen=True, slots=True)
class Phrasing:
    """One way to say it.

    Attributes:
        parts: Texts with attributes in braces.
        arousal: Of the music that it is for, -1..1.
    """

    parts: tuple[str, ...]
    arousal: float = 0.0

    @property
    def order(self) -> tuple[str, ...]:
        """Its attributes, in the order in which they are said."""
        return tuple(name for part in self.parts for name in _FIELD.findall(part))

    def little_words(self) -> frozenset[str]:
        """Its own words, which are said whatever the attributes."""
        return frozenset(words(_FIELD.sub("", " ".join(self.parts))))

    def fill(self, said: Mapping[str, str]) -> str:
        """The prompt: parts without any attribute are left out, and with them the little words between two."""
        filled = []
        for part in self.parts:
            names = _FIELD.findall(part)
            known = [name for name in names if said.get(name)]
            if len(known) == len(names):
                filled.append(_FIELD.sub(lambda found: said[found[1]], part))
            elif known:
                filled.append(" ".join(said[name] for name in known))
        return ", ".join(filled)


@dataclass(frozen=True, slots=True)
class Phrasings:
    """All of them.

    Attributes:
        whole: For music alone.
        added: What follows a person's own words.
    """

    whole: tuple[Phrasing, ...]
    added: tuple[Phrasing, ...]


@lru_cache(maxsize=1)
def phrasings() -> Phrasings:
    """Read and check the file; the same object at every call. Raises ValueError where it breaks its rules."""
    text = resources.files("services.agents").joinpath("templates", VERSION, "phrasing.toml").read_text("utf-8")
    raw = tomllib.loads(text)
    return Phrasings(tuple(map(_phrasing, raw["phrasing"])), tuple(map(_phrasing, raw["added"])))


def _phrasing(fields: Mapping[str, Any]) -> Phrasing:
    phrasing = Phrasing(tuple(fields["parts"]), float(fields.get("arousal", 0.0)))
    if unknown := set(phrasing.order) - _FIELDS:
        raise ValueError(f"phrasing.toml: unknown attributes {sorted(unknown)}")
    if len(set(phrasing.order)) != len(phrasing.order):
        raise ValueError("phrasing.toml: an attribute comes twice in one phrasing")
    return phrasing
