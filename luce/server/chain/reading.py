"""The first step for texts: find the lexicon's words in a description, and feel by them."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

from luce.emotion import Emotion
from luce.server.chain.impression import Impression, Sighting
from luce.server.chain.lexicon import Sight, lexicon

MAX_CHARACTERS: Final = 4000
"""How much of a text is read; a description has a few sentences."""

# How much each kind says about the feeling of the whole: a sad face in a sunny park is sad.
_SAYS: Final = {"feeling": 3.0, "act": 2.0, "thing": 1.0, "scene": 1.0, "time": 0.7, "weather": 0.9, "tone": 0.7}
# A mean lies closer to the centre than what is averaged, and what is strongly felt counts for more.
_STRETCH: Final = 1.25
_STRENGTH: Final = 1.5
_MOST: Final = 10
_NEGATIONS: Final = frozenset({"no", "not", "without", "never"})


def read(text: str) -> Impression:
    """Understand a description in English.

    Words are found in their plural, -ing, -ed and -ly forms; a word right after a negation does not count. Where
    nothing is known there are no sightings and the emotion is neutral.

    Args:
        text: one or more sentences; what is beyond `MAX_CHARACTERS` is not read.
    """
    tokens = re.findall(r"[a-z]+", text[:MAX_CHARACTERS].lower())
    found: dict[tuple[str, str], tuple[Sight, int]] = {}
    index = 0
    while index < len(tokens):
        length, sights = _at(tokens, index)
        if sights and (index == 0 or tokens[index - 1] not in _NEGATIONS):
            for sight in sights:
                key = (sight.kind, sight.name)
                found[key] = (sight, found.get(key, (sight, 0))[1] + 1)
        index += length
    return _feel(text.strip(), [(sight, min(count, 3)) for sight, count in found.values()])


def _feel(text: str, counted: list[tuple[Sight, int]]) -> Impression:
    if not counted:
        return Impression(Emotion(0.0, 0.0), (), text, 0.0)
    weights = [
        _SAYS[sight.kind] * count * (0.3 + _STRENGTH * math.hypot(sight.valence, sight.arousal))
        for sight, count in counted
    ]
    total = sum(weights)

    def mean(name: str, stretch: float) -> float:
        parts = (weight * float(getattr(sight, name)) for weight, (sight, _) in zip(weights, counted, strict=True))
        return max(-1.0, min(1.0, stretch * sum(parts) / total))

    order = sorted(zip(weights, counted, strict=True), key=lambda item: -item[0])[:_MOST]
    sightings = tuple(Sighting(sight, min(1.0, 0.4 + 0.15 * weight)) for weight, (sight, _) in order)
    emotion = Emotion(mean("valence", _STRETCH), mean("arousal", _STRETCH))
    return Impression(emotion, sightings, text, mean("motion", 1.0))


def _at(tokens: list[str], index: int) -> tuple[int, tuple[Sight, ...]]:
    """The longest entry that begins at a token: how many tokens it takes, and what it means."""
    table, longest = _words()
    for length in range(min(longest, len(tokens) - index), 0, -1):
        *head, last = tokens[index : index + length]
        for form in _forms(last):
            sights = table.get((*head, form))
            if sights:
                return length, sights
    return 1, ()


def _forms(word: str) -> list[str]:
    """A word and what it may be a form of, as it stands first."""
    forms = [word]
    for ending, replacements in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            forms += [stem + replacement for replacement in replacements]
            if not replacements[0] and stem[-1] == stem[-2]:
                forms.append(stem[:-1])  # running, swimming
    return forms


_ENDINGS: Final = (
    ("ies", ("y",)),
    ("es", ("", "e")),
    ("s", ("",)),
    ("ing", ("", "e")),
    ("ed", ("", "e")),
    ("ly", ("",)),
)


@lru_cache(maxsize=1)
def _words() -> tuple[dict[tuple[str, ...], tuple[Sight, ...]], int]:
    """Word groups to what they mean, and the length of the longest."""
    table: dict[tuple[str, ...], tuple[Sight, ...]] = {}
    for sight in lexicon().all_sights():
        for word in sight.words:
            key = tuple(re.findall(r"[a-z]+", word))
            table[key] = (*table.get(key, ()), sight)
    return table, max(map(len, table))
