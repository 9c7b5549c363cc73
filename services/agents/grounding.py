"""Whether a written caption holds: it may name what was heard, and nothing else.

A captioner is fluent before it is right. What it writes is held against what `audio_encoder` heard and against the
measured tempo and emotion; a text with one false claim is out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags
from services.agents.moods import MOOD_PLACES

#: An instrument or voice that is named must have at least this share of its threshold, a style all of it.
_HEARD_SHARE: Final = 0.9
#: A mood that is named lies no farther than this from the emotion in the plane.
_FARTHEST_MOOD: Final = 0.9
#: Beats a minute between which a tempo may be called so.
_TEMPI: Final = {"slow": (0.0, 112.0), "moderate": (72.0, 144.0), "fast": (92.0, 1000.0)}

_WORDS: Final = {
    "piano": r"(?<!electric )pianos?",
    "mallets": r"mallets?|vibraphone|marimba|xylophone|glockenspiel",
    "strings": r"strings|string (?:section|ensemble)",
    "woodwind": r"woodwinds?|clarinet|oboe|bassoon|reed instrument",
    "brass": r"brass|trumpets?|trombones?|(?<!english )horns?",
    "synthesizer": r"synth(?:esizer)?s?",
    "bass": r"bass",
    "drums": r"drums?|(?<!mallet )percussion",
    "singing": r"sing(?:s|ing|er|ers)?|vocals?|song",
    "romantic": r"romantic",
    "game": r"video game|chiptune",
    "joyful": r"joyful|happy|cheerful|lively|upbeat",
    "powerful": r"powerful|energetic|strong|driving",
    "tense": r"tense|agitated|restless|uneasy",
    "sad": r"sad|melancholic|sorrowful|gloomy",
    "calm": r"calm|relaxing|peaceful|soothing",
    "tender": r"tender|gentle|soft|warm",
    "nostalgic": r"nostalgic|wistful|dreamy",
    "solemn": r"solemn|serious|dignified",
    "wondrous": r"full of wonder|mysterious|fascinating",
    "slow": r"slow(?:ly)?|slow-paced",
    "moderate": r"moderate|medium-paced|medium pace",
    "fast": r"fast|quick(?:ly)?|fast-paced",
}
_DENIAL: Final = re.compile(r"\b(no|not|without|nobody)\b")
#: Sentences of where music would fit name places, not what is heard.
_PLACE: Final = re.compile(r"\b(would suit|could accompany|fits|would fit)\b")
_CLAIMED: Final = ("instruments", "voice", "styles")


@dataclass(frozen=True)
class Ground:
    """What texts are held against.

    Attributes:
        probabilities: (k,) tags of what they are about.
        tempo_bpm: Measured; 0: not clear.
        emotion: Valence and arousal as the agents see them, over the whole plane; None: not known.
    """

    probabilities: FloatArray
    tempo_bpm: float = 0.0
    emotion: tuple[float, float] | None = None

    def holds(self, text: str) -> bool:
        """Whether every claim of a text does."""
        for sentence in sentences_of(text):
            if _PLACE.search(sentence):
                continue
            if "instrumental" in sentence and self._is_told("singing"):
                return False
            denies = _DENIAL.search(sentence) is not None
            found = named(sentence)
            if denies and any(self._is_told(name) for name in found):
                return False
            if not denies and not all(self._may_be(name) for name in found):
                return False
            if any(len(pattern.findall(sentence)) > 1 for name, pattern in patterns() if name in found):
                return False
        return True

    def kept(self, texts: Sequence[str]) -> list[str]:
        """The texts that hold."""
        return [text for text in texts if self.holds(text)]

    def _is_told(self, name: str) -> bool:
        column = tags().index(name)
        entry = tags().entries[column]
        return entry.dimension in _CLAIMED and bool(self.probabilities[column] >= entry.threshold)

    def _may_be(self, name: str) -> bool:
        column = tags().index(name)
        entry = tags().entries[column]
        if entry.dimension == "moods" and self.emotion is not None:
            return math.dist(MOOD_PLACES[name], self.emotion) <= _FARTHEST_MOOD
        if entry.dimension == "tempo" and self.tempo_bpm > 0:
            low, high = _TEMPI[name]
            return low <= self.tempo_bpm <= high
        share = 1.0 if entry.dimension == "styles" else _HEARD_SHARE
        return entry.dimension not in _CLAIMED or bool(self.probabilities[column] >= share * entry.threshold)


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, in lower case."""
    return [part for part in re.split(r"(?<=[.!?])\s+", text.lower()) if part]


def named(sentence: str) -> set[str]:
    """The labels that a sentence, in lower case, names."""
    return {name for name, pattern in patterns() if pattern.search(sentence)}


@lru_cache(maxsize=1)
def patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """A pattern for each label that texts may name."""
    return tuple(
        (tag.name, re.compile(rf"\b(?:{_WORDS.get(tag.name, re.escape(tag.name) + 's?')})\b"))
        for tag in tags().entries
        if tag.dimension in (*_CLAIMED, "moods", "tempo")
    )
