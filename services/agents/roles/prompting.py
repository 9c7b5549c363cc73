"""The prompt agent: verified attributes into k prompts that differ, phrased for how the music feels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from luce.emotion import Emotion
from luce.server.measures.text import words
from luce.server.vocabulary import lexicon, vocabulary
from services.agents.phrasing import Phrasing, phrasings
from services.agents.roles.brief import Brief, clip
from services.agents.roles.choice import Choice
from services.agents.roles.seeing import seen

_STRONG_FEELING: Final = 0.3
_IN_WHOLE: Final = 0.35
"""Weight of a phrasing's distance in arousal beside one word that was said before."""


@dataclass(frozen=True, slots=True)
class Worded:
    """One prompt.

    Attributes:
        text: The prompt.
        said: Kind, or "texture", to the words that it has in the prompt.
        choices: The attributes used, by kind.
    """

    text: str
    said: Mapping[str, str]
    choices: Mapping[str, Choice]


class Said:
    """Words of the prompts so far: what was said is dear."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Take note of a prompt."""
        self._count.update(_words(text))

    def cost(self, text: str) -> int:
        """How often its words were said, and how often it says one twice itself."""
        own = _words(text)
        return sum(self._count[word] for word in own) + len(own) - len(set(own))


class PromptAgent:
    """Chooses phrasing and wording of each attribute so that little is said twice in a set."""

    def write(
        self,
        choices: Mapping[str, Choice],
        brief: Brief,
        said: Said,
        rng: random.Random,
        *,
        text: str = "",
        named: Mapping[str, str] | None = None,
        taken: Sequence[Phrasing] = (),
    ) -> tuple[Worded, Phrasing]:
        """One prompt. A person's words come first and whole; the music adds what they leave open.

        Args:
            choices: By kind.
            brief: The music.
            said: The prompts before it; the caller adds this one.
            rng: Where chance comes from.
            text: A person's own words.
            named: Kind to name of what they name; it is not said again.
            taken: Phrasings of the prompts before it, which come again only when all are taken.
        """
        phrasing = self._phrasing(brief, said, rng, bool(text), taken)
        sayable = {kind: choice for kind, choice in choices.items() if kind not in (named or {})}
        wording: dict[str, str] = {}
        for kind in phrasing.order:
            options = _options(kind, sayable)
            if options:
                own = " ".join(wording.values())
                # Plainer wordings stand first; chance decides only between equals.
                wording[kind] = min(options, key=lambda word, own=own: (_cost(word, own, said), rng.random()))  # type: ignore[misc]
        written = phrasing.fill(wording)
        if text:
            written = ", ".join(filter(None, (text.rstrip(" .,;"), written)))
        used = {kind: choice for kind, choice in choices.items() if kind in wording or kind in (named or {})}
        return Worded(written, wording, used), phrasing

    @staticmethod
    def _phrasing(
        brief: Brief, said: Said, rng: random.Random, after_text: bool, taken: Sequence[Phrasing]
    ) -> Phrasing:
        known = phrasings().added if after_text else phrasings().whole
        fresh = [phrasing for phrasing in known if phrasing not in taken] or list(known)
        return min(
            fresh,
            key=lambda phrasing: (
                said.cost(" ".join(phrasing.little_words()))
                + _IN_WHOLE * abs(phrasing.arousal - brief.arousal)
                + 0.5 * rng.random()
            ),
        )


def predicted_emotion(choices: Mapping[str, Choice]) -> Emotion | None:
    """How a picture of these attributes should feel, by what each was measured to do; None without any.

    Dominance was not measured: 0.
    """
    if not choices:
        return None
    valence, arousal = seen({kind: choice.name for kind, choice in choices.items()})
    return Emotion(clip(valence), clip(arousal))


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


def _options(kind: str, choices: Mapping[str, Choice]) -> tuple[str, ...]:
    if kind == "texture":
        style = choices.get("style")
        # A style that somebody worded in full has said its texture.
        return () if style is None or style.words else lexicon().wording("style", style.name).texture
    choice = choices.get(kind)
    if choice is None:
        return ()
    return (choice.words,) if choice.words else lexicon().wording(kind, choice.name).words


def _cost(option: str, own: str, said: Said) -> int:
    """Words said in the set before, and twice as much those of this very prompt."""
    here = set(_words(own))
    return said.cost(option) + 2 * sum(word in here for word in _words(option))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    """The words of a text; wordings are asked for again and again."""
    return tuple(words(text))
