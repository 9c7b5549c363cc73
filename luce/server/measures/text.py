"""Measures of prompts as words: how varied they are, and how much of their source they keep or copy."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

COPY_LENGTH: Final = 4
"""Words of an n-gram that counts as copied."""

_STOP_WORDS: Final = """
a an the and or but nor so of in on at by to from into onto with without within over under above below between behind
before after through across along around near beside as like than for up down out off it its this that these those
there here is are was were be been being am has have had do does did not no he she they them his her their we us our
you your i me my who which what where when while
"""

STOP_WORDS: Final = frozenset(_STOP_WORDS.split())
"""Function words, which say nothing of a picture: articles, prepositions, conjunctions, pronouns, forms of "to be"."""

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text, lower-case, in order: runs of letters and digits, apostrophes inside them kept."""
    return _WORD.findall(text.lower())


def content_words(text: str) -> frozenset[str]:
    """The distinct words of a text that are no function words."""
    return frozenset(word for word in words(text) if word not in STOP_WORDS)


def distinct(texts: Iterable[str], n: int) -> float:
    """Distinct-n of a set of texts: different n-grams / all n-grams, pooled over the set (Li et al. 2016).

    An n-gram never spans two texts. Over the k prompts of one piece, and averaged over the pieces, this is the figure
    of MESA-MIG's Table 1; over the prompts of many pieces at once (the corpus level) it falls with their number.

    Args:
        texts: The set.
        n: Words in an n-gram, at least 1.

    Returns:
        0..1; 0 where no text has n words.

    Raises:
        ValueError: `n` is below 1.
    """
    found = Counter(gram for text in texts for gram in _grams(words(text), n))
    total = sum(found.values())
    return len(found) / total if total else 0.0


def category_entropy(categories: Iterable[str]) -> float:
    """Shannon entropy of how often each category was chosen: -Σ p ln p, in nats (MESA-MIG §4.2).

    At most the logarithm of the number of categories: the published 1.918 needs seven or more.
    """
    counts = Counter(categories)
    total = sum(counts.values())
    return sum(-count / total * math.log(count / total) for count in counts.values())


def jaccard(prompt: str, caption: str) -> float:
    """Shared content words of prompt and caption: |P ∩ C| / |P ∪ C| (Jaccard 1901); MESA-MIG §3.4, reading A.

    1 for two texts without content words. Low is good: the prompt is more than its caption. The published .985 to .998
    cannot be this reading (see `retention`).
    """
    ours, theirs = content_words(prompt), content_words(caption)
    union = ours | theirs
    return len(ours & theirs) / len(union) if union else 1.0


def retention(prompt: str, attributes: Iterable[str]) -> float:
    """Share of the agents' words that the prompt keeps: |A ∩ P| / |A|, over content words; Jaccard of §4.2, reading B.

    MESA-MIG publishes .998 for its "mean Jaccard", which words of attributes kept in the prompt can reach. 1 where the
    attributes have no content words.
    """
    chosen = frozenset(word for attribute in attributes for word in content_words(attribute))
    return len(chosen & content_words(prompt)) / len(chosen) if chosen else 1.0


def copy_rate(prompt: str, caption: str, n: int = COPY_LENGTH) -> float:
    """Share of the prompt's n-grams of words that stand in the caption word for word, 0..1.

    MESA-MIG names a copy rate without defining or reporting it; this is our definition. 0 where the prompt is shorter
    than n words.
    """
    grams = _grams(words(prompt), n)
    copied = set(_grams(words(caption), n))
    return sum(gram in copied for gram in grams) / len(grams) if grams else 0.0


def _grams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
