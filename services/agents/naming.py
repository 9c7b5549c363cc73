"""What words name of the vocabulary of pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from luce.server.vocabulary import lexicon, vocabulary

_TOO_COMMON: Final = frozenset({"day", "close", "soft", "wide", "bright", "clear", "oil", "field", "sky", "figure"})
_ALONE_MEAN_LESS: Final = frozenset({"quiet", "grand", "thirds", "centered", "pixels", "oils", "resting", "flowing"})


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Kind, name and a pattern of every wording, longest first."""
    found = []
    for kind in vocabulary().kinds:
        for entry in vocabulary().entries(kind).values():
            words = {phrase.lower() for phrase in (*entry.phrases, *lexicon().wording(kind, entry.name).words)}
            words |= {re.sub(r"^(a|an|the|in|in the|at|by|under a|with) ", "", word) for word in words}
            words -= _TOO_COMMON | _ALONE_MEAN_LESS
            if entry.name not in _TOO_COMMON:
                words.add(entry.name.replace("_", " "))
            found += [(kind, entry.name, word) for word in words]
    found.sort(key=lambda item: (-len(item[2]), item))
    return tuple((kind, name, re.compile(rf"\b{re.escape(word)}s?\b")) for kind, name, word in found)


def named_in(text: str) -> Mapping[str, str]:
    """What words name of the vocabulary: kind to name; the longest wording counts, each word once."""
    rest = text.lower()
    named: dict[str, str] = {}
    for kind, name, pattern in _patterns():
        if (match := pattern.search(rest)) is not None:
            named.setdefault(kind, name)
            rest = rest[: match.start()] + "|" + rest[match.end() :]
    return MappingProxyType(named)
