"""Typed view of the chain's two lexicons: what may be seen (sights.toml) and what music may be (music.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

KINDS: Final = ("scene", "thing", "act", "time", "weather", "tone", "feeling")
"""Kinds of sights, in the order of the file."""

DRUM_KIT: Final = -1
"""Stands for the drum kit where General MIDI programs are listed."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that may be seen or read of.

    Attributes:
        kind: one of `KINDS`.
        name: its key.
        phrase: what it is called in a sentence, and what a picture is compared with.
        words: lower-case words or word groups that mean it in a text.
        contexts: links to the genres that go with it.
        valence: unpleasant to pleasant, [-1, 1].
        arousal: calm to excited, [-1, 1].
        motion: still to fast, [-1, 1].
    """

    kind: str
    name: str
    phrase: str
    words: tuple[str, ...]
    contexts: tuple[str, ...]
    valence: float
    arousal: float
    motion: float


@dataclass(frozen=True, slots=True)
class Genre:
    """A kind of music.

    Attributes:
        name: its key.
        phrases: interchangeable names, the plainest first.
        valence: where it is at home, [-1, 1].
        arousal: likewise.
        contexts: sights that it goes with.
        instruments: names of `Instrument`, the most typical first.
        metres: as "4/4", the most usual first.
    """

    name: str
    phrases: tuple[str, ...]
    valence: float
    arousal: float
    contexts: tuple[str, ...]
    instruments: tuple[str, ...]
    metres: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """An instrument.

    Attributes:
        name: its key.
        phrases: interchangeable names, the plainest first.
        programs: General MIDI programs, 0..127, the best first; `DRUM_KIT` for drums.
        valence: of its usual timbre and role, [-1, 1].
        arousal: likewise.
    """

    name: str
    phrases: tuple[str, ...]
    programs: tuple[int, ...]
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries, in the order of the files."""

    sights: Mapping[str, Mapping[str, Sight]]
    genres: Mapping[str, Genre]
    instruments: Mapping[str, Instrument]

    def all_sights(self) -> tuple[Sight, ...]:
        """Every sight, kind by kind."""
        return tuple(sight for kind in KINDS for sight in self.sights[kind].values())


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Read and check the lexicons; the same object at every call.

    Raises:
        ValueError: a file breaks its own rules (a value outside [-1, 1], no words, a name that nobody has).
    """
    sights, music = _load("sights.toml"), _load("music.toml")
    if tuple(sights) != KINDS:
        raise ValueError(f"sights.toml: kinds {tuple(sights)}, expected {KINDS}")
    found = Lexicon(
        MappingProxyType({kind: MappingProxyType(_sights(kind, sights[kind])) for kind in KINDS}),
        MappingProxyType({name: _genre(name, fields) for name, fields in music["genre"].items()}),
        MappingProxyType({name: _instrument(name, fields) for name, fields in music["instrument"].items()}),
    )
    _check(found)
    return found


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("luce.server.chain").joinpath(name).read_text(encoding="utf-8"))


def _sights(kind: str, table: Mapping[str, Mapping[str, Any]]) -> dict[str, Sight]:
    return {
        name: Sight(
            kind,
            name,
            fields["phrase"],
            tuple(fields["words"]),
            tuple(fields["contexts"]),
            fields["valence"],
            fields["arousal"],
            fields["motion"],
        )
        for name, fields in table.items()
    }


def _genre(name: str, fields: Mapping[str, Any]) -> Genre:
    return Genre(
        name,
        tuple(fields["phrases"]),
        fields["valence"],
        fields["arousal"],
        tuple(fields["contexts"]),
        tuple(fields["instruments"]),
        tuple(fields["metres"]),
    )


def _instrument(name: str, fields: Mapping[str, Any]) -> Instrument:
    return Instrument(name, tuple(fields["phrases"]), tuple(fields["programs"]), fields["valence"], fields["arousal"])


def _check(found: Lexicon) -> None:
    placed: list[Sight | Genre | Instrument] = [
        *found.all_sights(),
        *found.genres.values(),
        *found.instruments.values(),
    ]
    for entry in placed:
        if not max(abs(entry.valence), abs(entry.arousal)) <= 1.0:
            raise ValueError(f"{entry.name}: valence and arousal lie in [-1, 1]")
    known = {context for genre in found.genres.values() for context in genre.contexts}
    for sight in found.all_sights():
        if not sight.words or not set(sight.contexts) <= known:
            raise ValueError(f"{sight.kind}.{sight.name}: no words, or a context without a genre")
    for genre in found.genres.values():
        if not genre.phrases or not set(genre.instruments) <= set(found.instruments):
            raise ValueError(f"genre.{genre.name}: no phrases, or an instrument that nobody has")
