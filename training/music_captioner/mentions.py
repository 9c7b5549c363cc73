"""Which labels a caption names, to hold it against the truth. It knows the words of ``wording`` and plain plurals."""

from __future__ import annotations

import re
from functools import lru_cache

from training.music_captioner import wording

#: Sentences that deny: what they name is not claimed.
_DENIAL = re.compile(r"\b(no|nobody|not|without|hard to)\b", re.IGNORECASE)
#: Words by which a voice is claimed.
_VOICE = ("singing voice", "someone is singing", "sings the melody", "there are vocals")
#: Words that name a place or an association, and no label: "a solemn church", "a sad scene of a film".
_PLACES = tuple(place for places in wording.PLACES.values() for place in places)


def mentioned(text: str) -> set[str]:
    """Names of the labels that a caption claims."""
    lowered = text.lower()
    other = {name for name, sentences in wording.OTHER.items() if any(s.lower() in lowered for s in sentences)}
    if other:
        return other
    found: set[str] = set()
    for sentence in re.split(r"(?<=[.!?])\s+", lowered):
        if _DENIAL.search(sentence):
            continue
        plain = sentence
        for place in _PLACES:
            plain = plain.replace(place, "")
        found |= {name for name, pattern in _patterns().items() if pattern.search(plain)}
        if any(words in plain for words in _VOICE):
            found.add("singing")
    return found


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
    """A pattern of each label, longer wordings before shorter ones that they contain."""
    phrases = {name: {re.sub(r"^(a|an) ", "", words) for words in forms} for name, forms in wording.INSTRUMENTS.items()}
    phrases["drums"] |= {"drum beat", "the beat"}
    phrases["choir"] |= {"choir"}
    for table in (wording.STYLES, wording.STYLE_NOTES, wording.MOODS, wording.TEMPOS, wording.TEMPO_NOTES):
        for name, wordings in table.items():
            phrases.setdefault(name, set()).update(words.lower().rstrip(".") for words in wordings)
    # A word that is part of another label's longer phrase must not count for both.
    guards = {"piano": r"(?<!electric )", "bass": "", "percussion": r"(?<!mallet )"}
    result = {}
    for name, found in phrases.items():
        parts = [guards.get(words, "") + r"\b" + re.escape(words) + r"\b" for words in sorted(found, key=len)[::-1]]
        result[name] = re.compile("|".join(parts))
    return result
