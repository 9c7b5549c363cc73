"""Typed view of vocabulary.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

KINDS = ("scene", "subject", "time", "weather", "light", "style", "palette", "composition", "motion", "mood")


@dataclass(frozen=True)
class Entry:
    """One word of the vocabulary.

    Attributes:
        kind: one of `KINDS`.
        name: the key by which `Attributes` refers to it.
        phrases: interchangeable wordings for prompts, the plainest first; never empty.
        valence: unpleasant to pleasant, [-1, 1].
        arousal: calm to excited, [-1, 1].
        fits: for each named kind, the only entries this one goes with; a kind that is absent is free.
        colours: for palettes, sRGB hex strings from dark to light; empty for `natural` and other kinds.
    """

    kind: str
    name: str
    phrases: tuple[str, ...]
    valence: float
    arousal: float
    fits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    colours: tuple[str, ...] = ()

    def distance(self, valence: float, arousal: float) -> float:
        """Euclidean distance in the valence-arousal plane, [0, 2 sqrt 2]."""
        return float(((self.valence - valence) ** 2 + (self.arousal - arousal) ** 2) ** 0.5)


@dataclass(frozen=True)
class Vocabulary:
    """All entries, by kind and name, in the order of the file."""

    table: Mapping[str, Mapping[str, Entry]]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of entries, in the order of `KINDS`."""
        return tuple(self.table)

    def entries(self, kind: str) -> Mapping[str, Entry]:
        """The entries of one kind by name. Raises KeyError for an unknown kind."""
        return self.table[kind]

    def entry(self, kind: str, name: str) -> Entry:
        """One entry. Raises ValueError naming the kind and the known names."""
        found = self.table[kind].get(name)
        if found is None:
            raise ValueError(f"{kind}: unknown {name!r}; one of {', '.join(self.table[kind])}")
        return found

    def nearest(self, kind: str, valence: float, arousal: float, count: int = 1) -> list[Entry]:
        """The `count` entries of a kind nearest to an emotion, nearest first (ties: order of the file)."""
        return sorted(self.table[kind].values(), key=lambda entry: entry.distance(valence, arousal))[:count]


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Read and check the vocabulary; the same object at every call.

    Raises ValueError when the file breaks its own rules (a phrase is missing, a value is out of range, `fits`
    names something unknown).
    """
    text = resources.files("luce.server.vocabulary").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    if tuple(raw) != KINDS:
        raise ValueError(f"vocabulary.toml: kinds {tuple(raw)}, expected {KINDS}")
    table = {
        kind: MappingProxyType({name: _entry(kind, name, fields) for name, fields in raw[kind].items()})
        for kind in KINDS
    }
    for kind in KINDS:
        for entry in table[kind].values():
            for other, names in entry.fits.items():
                unknown = set(names) - set(table[other])
                if unknown:
                    raise ValueError(f"vocabulary.toml: {kind}.{entry.name} fits unknown {other} {sorted(unknown)}")
    return Vocabulary(MappingProxyType(table))


def _entry(kind: str, name: str, fields: Mapping[str, object]) -> Entry:
    phrases, fits, colours = fields.get("phrases"), fields.get("fits", {}), fields.get("colours", [])
    valence, arousal = fields.get("valence"), fields.get("arousal")
    if not isinstance(phrases, list) or not phrases:
        raise ValueError(f"vocabulary.toml: {kind}.{name} has no phrases")
    if not isinstance(valence, float) or not isinstance(arousal, float) or max(abs(valence), abs(arousal)) > 1:
        raise ValueError(f"vocabulary.toml: {kind}.{name} needs valence and arousal as floats in [-1, 1]")
    if not isinstance(fits, dict) or not isinstance(colours, list):
        raise ValueError(f"vocabulary.toml: {kind}.{name} has a malformed fits or colours")
    return Entry(
        kind=kind,
        name=name,
        phrases=tuple(str(phrase) for phrase in phrases),
        valence=valence,
        arousal=arousal,
        fits=MappingProxyType({str(k): tuple(str(v) for v in names) for k, names in fits.items()}),
        colours=tuple(str(colour) for colour in colours),
    )
