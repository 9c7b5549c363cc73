"""How the agents' choices and a person's words become one prompt."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from luce.server.vocabulary import Attributes, Entry, compose_prompt, harmonize, vocabulary

_STRONG_FEELING: Final = 0.3
# In a prompt that opens with a person's words, what the music adds and in which order.
_ADDED: Final = ("style", "palette", "mood", "light", "weather", "time", "motion", "composition")
_SINGLE: Final = ("scene", "subject", "time", "weather", "light", "style", "palette", "composition", "motion")
_TOO_COMMON: Final = frozenset({"day", "close", "soft", "wide", "bright", "clear", "oil", "field", "sky", "figure"})


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Kind, name and a pattern of every wording in the vocabulary, longest first."""
    found = []
    for kind in vocabulary().kinds:
        for entry in vocabulary().entries(kind).values():
            words = {phrase.lower() for phrase in entry.phrases}
            words |= {re.sub(r"^(a|an|the|in|in the|at|by|under a|with) ", "", word) for word in words}
            if entry.name not in _TOO_COMMON:
                words.add(entry.name.replace("_", " "))
            found += [(kind, entry.name, word) for word in words]
    found.sort(key=lambda item: (-len(item[2]), item))
    return tuple((kind, name, re.compile(rf"\b{re.escape(word)}s?\b")) for kind, name, word in found)


def named_in(text: str) -> Mapping[str, str]:
    """What a person's words name of the vocabulary: kind to name; the longest wording counts, each word once."""
    rest = text.lower()
    named: dict[str, str] = {}
    for kind, name, pattern in _patterns():
        if (match := pattern.search(rest)) is not None:
            named.setdefault(kind, name)
            rest = rest[: match.start()] + "|" + rest[match.end() :]
    return MappingProxyType(named)


def follow(wish: Attributes, named: Mapping[str, str]) -> Attributes:
    """The wish with what the person named in place of what the agents chose, and the rest made to go with it."""
    asked: dict[str, Any] = {kind: name for kind, name in named.items() if kind in _SINGLE}
    if "mood" in named:
        asked["moods"] = (named["mood"],)
    # What goes together is ours to judge, unless the person asked for just that.
    return replace(harmonize(replace(wish, **asked)), **asked)


def prompt_text(wish: Attributes, text: str, named: Mapping[str, str], rng: random.Random) -> str:
    """The prompt. A person's words come first and whole; the music adds what they leave open.

    Without words it is one of the vocabulary's own wordings, as the picture model was taught.
    """
    if not text:
        return compose_prompt(wish, rng)
    chosen: dict[str, Entry] = {}
    for entry in wish.chosen():
        chosen.setdefault(entry.kind, entry)
    parts = [text.rstrip(" .,;")]
    for kind in _ADDED:
        if kind in named or kind not in chosen:
            continue
        phrase = rng.choice(chosen[kind].phrases)
        parts.append(f"{phrase} mood" if kind == "mood" else phrase)
    return ", ".join(parts)


def negative_text(valence: float, arousal: float, named: Mapping[str, str]) -> str:
    """The opposite mood, in the vocabulary's words: guidance then leads away from it.

    Only the mood: leading away from a palette turns hues to their complements (a dark red picture came out green).

    Args:
        valence: Of the wish, -1..1.
        arousal: Of the wish, -1..1.
        named: What the person asked for; a mood that is asked for has no opposite.

    Returns:
        "" where nothing is felt strongly.
    """
    if max(abs(valence), abs(arousal)) < _STRONG_FEELING or "mood" in named:
        return ""
    return f"{vocabulary().nearest('mood', -valence, -arousal)[0].phrases[0]} mood"
