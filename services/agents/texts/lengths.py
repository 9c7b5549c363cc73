"""Texts of about 20, 50 and 70 tokens, grown from sentences in the order of their worth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

LENGTHS: Final = (20, 50, 70)
"""Tokens of the short, the medium and the long text (FMMD's three lengths)."""

Triple: TypeAlias = tuple[str, str, str]
"""One text in the three lengths."""

Variants: TypeAlias = tuple[Triple, ...]
"""Candidates that say the same in other words; none where there is nothing to say."""

# A text may be so much longer than its length where the next sentence would otherwise be lost.
_SLACK: Final = 1.15
# Pieces that WordPiece cuts words and numbers into, by count over such texts: about so many a word or mark.
_PIECES: Final = 1.05
_WORD: Final = re.compile(r"[A-Za-z]+|\d|[^\sA-Za-z\d]")


def tokens_of(text: str) -> int:
    """About how many tokens of `text_encoder` a text has: words, digits and marks, a little more for rare words."""
    return round(_PIECES * len(_WORD.findall(text)))


def grow(sentences: Sequence[str]) -> Triple:
    """The first sentence, and as many of the further ones, in order, as each length has room for."""
    short, medium, long = (_within(sentences, length) for length in LENGTHS)
    return short, medium, long


def _within(sentences: Sequence[str], length: int) -> str:
    kept: list[str] = []
    for sentence in sentences:
        longer = [*kept, sentence]
        if kept and tokens_of(" ".join(longer)) > _SLACK * length:
            continue
        kept = longer
    return " ".join(kept)
