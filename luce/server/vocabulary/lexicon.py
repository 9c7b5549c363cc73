"""Typed view of lexicon.toml, contradictions.toml and unsafe.toml: how the agents speak of the vocabulary."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from luce.server.vocabulary.entries import KINDS, Entry, vocabulary


@dataclass(frozen=True, slots=True)
class Wording:
    """What the lexicon says of one entry of the vocabulary.

    Attributes:
        entry: The entry; its valence and arousal are there.
        words: Wordings for prompts, the plainest first; never empty.
        cues: Words about music that call for it; empty where no music does.
        texture: Of a style: how its surface looks.
        stands_for: Of a subject: what it stands for; "" for other kinds.
        brightness: What it adds to the mean luma of a picture, on the scale 0..1.
        warmth: What it adds to the mean of red minus blue, on the scale -1..1.
        seen: What it adds to the valence and arousal that `image_emotion` sees in a painted picture.
        default: Whether it is said where no agent decides.
    """

    entry: Entry
    words: tuple[str, ...]
    cues: tuple[str, ...] = ()
    texture: tuple[str, ...] = ()
    stands_for: str = ""
    brightness: float = 0.0
    warmth: float = 0.0
    seen: tuple[float, float] = (0.0, 0.0)
    default: bool = False


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two entries that cannot both be seen.

    Attributes:
        one: Kind and name.
        other: Kind and name; this one is to give way.
        why: A reason, for people.
    """

    one: tuple[str, str]
    other: tuple[str, str]
    why: str


@dataclass(frozen=True)
class Lexicon:
    """All wordings, what contradicts each other, and what is not to be painted.

    Attributes:
        table: Wordings by kind and name, in the order of the vocabulary.
        contradictions: Pairs of entries.
        unsafe: Patterns of unsafe words by category.
        seen: Valence and arousal that `image_emotion` sees in a picture before any entry adds its own.
    """

    table: Mapping[str, Mapping[str, Wording]]
    contradictions: tuple[Contradiction, ...]
    unsafe: Mapping[str, re.Pattern[str]]
    seen: tuple[float, float]

    def wording(self, kind: str, name: str) -> Wording:
        """What is said of one entry. Raises ValueError naming the known names."""
        vocabulary().entry(kind, name)
        return self.table[kind][name]

    def default(self, kind: str) -> Wording | None:
        """What is said of a kind where no agent decides; None: nothing (subjects)."""
        return next((wording for wording in self.table[kind].values() if wording.default), None)

    def unsafe_in(self, text: str) -> tuple[str, str] | None:
        """Category and word of the first unsafe word in a text; None where there is none."""
        for category, pattern in self.unsafe.items():
            if (found := pattern.search(text.lower())) is not None:
                return category, found[0]
        return None


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Read and check the lexicon; the same object at every call.

    Raises ValueError when a file breaks its own rules (an entry without words, an unknown name or field).
    """
    raw = _read("lexicon.toml")
    base = _seen(raw.pop("seen", None), "lexicon.toml")
    table: dict[str, Mapping[str, Wording]] = {}
    for kind in KINDS:
        entries, given = vocabulary().entries(kind), raw.pop(kind, {})
        if set(given) != set(entries):
            raise ValueError(f"lexicon.toml: {kind} has {sorted(set(given) ^ set(entries))} too many or too few")
        table[kind] = MappingProxyType({name: _wording(entries[name], given[name]) for name in entries})
        if sum(wording.default for wording in table[kind].values()) != (kind != "subject"):
            raise ValueError(f"lexicon.toml: {kind} needs one default (subjects have none)")
    if raw:
        raise ValueError(f"lexicon.toml: unknown kinds {sorted(raw)}")
    pairs = tuple(_contradiction(fields) for fields in _read("contradictions.toml")["pair"])
    unsafe = {
        category: re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b")
        for category, words in _read("unsafe.toml").items()
    }
    return Lexicon(MappingProxyType(table), pairs, MappingProxyType(unsafe), base)


def _read(name: str) -> dict[str, Any]:
    text = resources.files("luce.server.vocabulary").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _wording(entry: Entry, fields: Mapping[str, Any]) -> Wording:
    where = f"lexicon.toml: {entry.kind}.{entry.name}"
    values: dict[str, Any] = {}
    for name, value in fields.items():
        match name:
            case "words" | "cues" | "texture":
                if not value or not all(isinstance(word, str) and word == word.strip() != "" for word in value):
                    raise ValueError(f"{where}: {name} must be a list of words")
                values[name] = tuple(value)
            case "brightness" | "warmth":
                if not isinstance(value, float) or abs(value) > 1:
                    raise ValueError(f"{where}: {name} must be a number in [-1, 1]")
                values[name] = value
            case "seen":
                values[name] = _seen(value, where)
            case "stands_for" | "default":
                values[name] = value
            case _:
                raise ValueError(f"{where}: unknown field {name}")
    if "words" not in values:
        raise ValueError(f"{where}: no words")
    return Wording(entry, **values)


def _seen(value: Any, where: str) -> tuple[float, float]:
    match value:
        case [float(valence), float(arousal)] if max(abs(valence), abs(arousal)) <= 1:
            return valence, arousal
    raise ValueError(f"{where}: seen must be two numbers in [-1, 1]")


def _contradiction(fields: Mapping[str, Any]) -> Contradiction:
    ends = []
    for end in ("one", "other"):
        kind, _, name = str(fields[end]).partition(".")
        if kind not in KINDS:
            raise ValueError(f"contradictions.toml: unknown kind in {fields[end]!r}")
        vocabulary().entry(kind, name)
        ends.append((kind, name))
    return Contradiction(ends[0], ends[1], str(fields["why"]))
