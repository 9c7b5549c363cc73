"""The six dimensions of a description in words, in three lengths."""

from __future__ import annotations

from services.agents.texts.caption import caption_of, caption_of_window
from services.agents.texts.facts import Facts, facts_of
from services.agents.texts.lengths import LENGTHS, Triple, Variants

__all__ = ["LENGTHS", "Facts", "Triple", "Variants", "caption_of", "caption_of_window", "facts_of"]
