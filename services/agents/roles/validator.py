"""The validator agent: what is wrong with the others' choices. It merges nothing and mends nothing: it reports."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from luce.emotion import Emotion
from luce.server.measures.text import content_words, words
from luce.server.vocabulary import lexicon, vocabulary
from services.agents.naming import named_in
from services.agents.roles.brief import Brief
from services.agents.roles.choice import Choice
from services.agents.roles.choosing import FARTHEST, excluded, fits, too_far

MAX_WORDS: Final = 8
MAX_CHARACTERS: Final = 60
MAX_PROMPT_WORDS: Final = 60
MAX_SHARED: Final = 0.6
"""Most content words that two prompts of one set may share, of the shorter one's."""

# Quotes, brackets and weights as in "(sky:1.3)" are commands to some picture models and noise to the others.
_FORMAT: Final = re.compile(r"[^\w\s,'’\-&./%]|[_/]{2}")
_CLEAR: Final = 0.3
"""Valence beyond which words, or music, clearly are pleasant or unpleasant."""


class Kind(Enum):
    """What is wrong."""

    REDUNDANCY = "redundancy"
    FORMAT = "format"
    CONTRADICTION = "contradiction"
    EMOTION_MISMATCH = "emotion mismatch"
    UNSAFE_CONTENT = "unsafe content"


class Severity(Enum):
    """How bad it is."""

    WARNING = "warning"
    ERROR = "error"


class Outcome(Enum):
    """What became of it."""

    KEPT = "kept"
    REPAIRED = "repaired"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What.
        severity: An error is repaired once, else dropped; a warning is told.
        attribute: Kind of the vocabulary concerned, or "prompt".
        picture: Which picture, from 1.
        message: What is wrong, for people.
        suggestion: A repair that would do; "" where none is known.
        outcome: What became of it.
    """

    kind: Kind
    severity: Severity
    attribute: str
    picture: int
    message: str
    suggestion: str = ""
    outcome: Outcome = Outcome.KEPT

    def ended(self, outcome: Outcome, message: str = "") -> Finding:
        """The same finding, with what became of it."""
        return replace(self, outcome=outcome, message=f"{self.message}; {message}" if message else self.message)


class ValidatorAgent:
    """Rules for words, lexicons for what goes together, and the plane of emotion for what feels alike."""

    def check(
        self,
        picture: int,
        choices: Mapping[str, Choice],
        brief: Brief,
        given: Mapping[str, str],
        silent: Collection[str] = (),
        felt: Mapping[str, Emotion] | None = None,
    ) -> list[Finding]:
        """What is wrong with the attributes of one picture; what nobody here decided is only warned of.

        Args:
            picture: Which one, from 1.
            choices: By kind.
            brief: The music.
            given: Kind to name of what a person asked for.
            silent: Kinds that no agent decides.
            felt: Kind to how its author's own words feel, where that is known; else the entry's feeling counts alone.
        """
        found = []
        names = {kind: choice.name for kind, choice in choices.items()}
        for kind, choice in choices.items():
            for fault, message, suggestion in (
                *_format(choice),
                *_unsafe(choice),
                *_contradiction(choice, names, given),
                *_mismatch(choice, brief, (felt or {}).get(kind)),
            ):
                severity = Severity.WARNING if kind in given or kind in silent else Severity.ERROR
                found.append(Finding(fault, severity, kind, picture, message, suggestion))
        return found

    def check_text(self, text: str) -> list[Finding]:
        """What a person's own words hold that no agent would write; they stay."""
        unsafe = lexicon().unsafe_in(text)
        if unsafe is None:
            return []
        message = f'the text says "{unsafe[1]}" ({unsafe[0]})'
        return [Finding(Kind.UNSAFE_CONTENT, Severity.WARNING, "text", 0, message)]

    def check_prompts(self, prompts: Sequence[str], text: str = "") -> list[Finding]:
        """What is wrong with finished prompts: each alone, and beside those before it.

        Args:
            prompts: All of a set.
            text: A person's own words, which every prompt repeats and which are not judged.
        """
        found = []
        own = content_words(text)
        said = [content_words(prompt) - own for prompt in prompts]
        for index, prompt in enumerate(prompts):
            picture, count = index + 1, len(words(prompt.removeprefix(text)))
            if count > MAX_PROMPT_WORDS:
                message = f"{count} words, at most {MAX_PROMPT_WORDS} are read"
                found.append(Finding(Kind.FORMAT, Severity.ERROR, "prompt", picture, message, "shorter"))
            if (unsafe := lexicon().unsafe_in(prompt.removeprefix(text))) is not None:
                message = f'it says "{unsafe[1]}" ({unsafe[0]})'
                found.append(Finding(Kind.UNSAFE_CONTENT, Severity.ERROR, "prompt", picture, message))
            for before in range(index):
                least = min(len(said[index]), len(said[before]))
                share = len(said[index] & said[before]) / least if least else 0.0
                if share > MAX_SHARED:
                    message = f"it shares {share:.0%} of its words with prompt {before + 1}"
                    found.append(Finding(Kind.REDUNDANCY, Severity.ERROR, "prompt", picture, message, "other words"))
        return found


Fault = tuple[Kind, str, str]


def _format(choice: Choice) -> list[Fault]:
    plainest = lexicon().wording(choice.kind, choice.name).words[0]
    said = choice.words
    if not said:
        return []
    if len(said) > MAX_CHARACTERS or len(words(said)) > MAX_WORDS:
        return [
            (Kind.FORMAT, f"{len(words(said))} words; at most {MAX_WORDS}, and {MAX_CHARACTERS} characters", plainest)
        ]
    if not words(said) or _FORMAT.search(said) is not None or not said.isprintable():
        return [(Kind.FORMAT, "signs that do not belong into a prompt", plainest)]
    return []


def _unsafe(choice: Choice) -> list[Fault]:
    unsafe = lexicon().unsafe_in(choice.words)
    if unsafe is None:
        return []
    plainest = lexicon().wording(choice.kind, choice.name).words[0]
    return [(Kind.UNSAFE_CONTENT, f'"{unsafe[1]}" ({unsafe[0]})', plainest)]


def _contradiction(choice: Choice, names: Mapping[str, str], given: Mapping[str, str]) -> list[Fault]:
    """The other attributes that this one cannot be seen with; of a pair, the one that gives way is told."""
    entry, faults = choice.entry, []
    others = {kind: name for kind, name in names.items() if kind != choice.kind}
    for kind, allowed in entry.fits.items():
        if kind in others and others[kind] not in allowed:
            faults.append(f"{entry.phrases[0]} does not go with {vocabulary().entry(kind, others[kind]).phrases[0]}")
    for pair in lexicon().contradictions:
        yields, stays = (pair.one, pair.other) if pair.other[0] in given else (pair.other, pair.one)
        if yields == (choice.kind, choice.name) and others.get(stays[0]) == stays[1]:
            faults.append(pair.why)
    if choice.words:
        # Own words that name another entry than the one that they stand for.
        for kind, name in named_in(choice.words).items():
            if kind == choice.kind and name != choice.name:
                faults.append(f'"{choice.words}" says {name}, not {choice.name}')
            elif kind in others and kind in ("time", "weather", "light") and name != others[kind]:
                faults.append(f'"{choice.words}" says {name} where it is {others[kind]}')
    return [(Kind.CONTRADICTION, fault, _nearest_fitting(choice, others)) for fault in faults]


def _mismatch(choice: Choice, brief: Brief, felt: Emotion | None) -> list[Fault]:
    if choice.kind not in FARTHEST or brief.silent:
        return []
    entry = choice.entry
    nearest = vocabulary().nearest(choice.kind, brief.valence, brief.arousal)[0].phrases[0]
    if too_far(entry, brief):
        message = (
            f"{choice.plain} feels like valence {entry.valence:+.2f}, arousal {entry.arousal:+.2f}; "
            f"the music like {brief.valence:+.2f}, {brief.arousal:+.2f}"
        )
        return [(Kind.EMOTION_MISMATCH, message, nearest)]
    # Of words alone the valence is told well, the arousal is not.
    if felt is not None and felt.valence * brief.valence < 0 and min(abs(felt.valence), abs(brief.valence)) > _CLEAR:
        message = f'"{choice.words}" reads like valence {felt.valence:+.2f}; the music feels like {brief.valence:+.2f}'
        return [(Kind.EMOTION_MISMATCH, message, nearest)]
    return []


def _nearest_fitting(choice: Choice, others: Mapping[str, str]) -> str:
    entry, banned = choice.entry, excluded(choice.kind, others)
    near = vocabulary().nearest(choice.kind, entry.valence, entry.arousal, count=len(vocabulary().entries(choice.kind)))
    for candidate in near:
        if candidate.name not in banned | {choice.name} and fits(candidate, others):
            return candidate.phrases[0]
    return ""
