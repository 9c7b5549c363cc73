"""What is read in a text: its feeling, its place in the shared space, and the sights that it names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.server.chain import Impression, read
from luce.server.inference import TextEmbedder, TextFeeler
from luce.server.inference.text_embedder import MODEL

PASSAGE_WORDS: Final = 120
"""Most words of one passage: what the text encoder reads in one go, with room to spare."""

LEAST_WORDS: Final = 12
"""Fewer words than these feel like nothing in particular."""

MOMENT_S: Final = 8.0
"""The music of a story changes at most so often, seconds."""

# The commonest words of English: about half of any English text.
_COMMON_WORDS: Final = (
    "the of and to a in is it you that he was for on are with as i his they be at one have this from or had by not "
    "but what all were when we there can an your which their if do will each about how up out them then she many some "
    "so her would like him into has my no who its over me our more"
)
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_LEAST_COMMON: Final = 0.08
_JUDGED_WORDS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read.

    Attributes:
        impression: The feeling and the sights; the ground of the chain of thought.
        embedding: (384,) float32 of length 1: the mean of the passages.
        course: How it feels as it goes on: shares of the whole (they add up to 1), each with its emotion.
        models: Name and version of each model that read.
        notes: What a reader should know of the reading; may be empty.
    """

    impression: Impression
    embedding: NDArray[np.float32]
    course: tuple[tuple[float, Emotion], ...]
    models: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


class TextReader:
    """Reads texts.

    Args:
        embedder: Text into vectors.
        feeler: How texts feel.
        timeout_s: Longest call to a model, seconds.
    """

    def __init__(self, embedder: TextEmbedder, feeler: TextFeeler, timeout_s: float) -> None:
        self._embedder = embedder
        self._feeler = feeler
        self._timeout_s = timeout_s

    async def read(self, text: str, asked: Emotion | None = None, *, seconds: float = 0.0) -> Reading:
        """Read a text.

        Args:
            text: Checked by `luce.server.music.limits.check_story`.
            asked: How it should feel, instead of how it does.
            seconds: Length of the music that it becomes; the longer, the closer its course is followed.

        Raises:
            ResourceExhausted, Unavailable, DeadlineExceeded: From the inference client.
        """
        parts = passages(text, _passage_words(text, seconds))
        embedded = await self._embedder.embed(parts, deadline=self._timeout_s)
        weights = np.array([len(part) for part in parts], np.float32)
        mean = np.average(embedded.vectors, axis=0, weights=weights)
        models = [(MODEL, embedded.model.partition(":")[2])]
        if asked is None:
            felt = await self._feeler.feel(parts, deadline=self._timeout_s)
            models += felt[0].models
            emotions = [one.emotion for one in felt]
            asked = _mean_emotion(emotions, weights)
            course = course_of(emotions, weights, seconds)
        else:
            course = ((1.0, asked),)
        # The lexicon names the sights; how they feel is the model's affair, or the caller's.
        impression = replace(read(text), emotion=asked)
        notes = []
        if not is_english(text):
            notes.append("The words do not look English: what is read in them is uncertain.")
        embedding = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
        return Reading(impression, embedding, course, tuple(dict(models).items()), tuple(notes))


def _mean_emotion(emotions: Sequence[Emotion], weights: NDArray[np.float32]) -> Emotion:
    points = [(one.valence, one.arousal, one.dominance) for one in emotions]
    return Emotion(*(float(value) for value in np.clip(np.average(points, axis=0, weights=weights), -1, 1)))


def course_of(
    emotions: Sequence[Emotion], weights: NDArray[np.float32], seconds: float
) -> tuple[tuple[float, Emotion], ...]:
    """Passages joined into stretches that are long enough for music to feel like them.

    Args:
        emotions: Of each passage.
        weights: How long each is, in any unit.
        seconds: Length of the music.
    """
    shares = weights / weights.sum()
    groups: list[list[int]] = [[]]
    for index in range(len(emotions)):
        if groups[-1] and float(shares[groups[-1]].sum()) * seconds >= MOMENT_S:
            groups.append([])
        groups[-1].append(index)
    if len(groups) > 1 and float(shares[groups[-1]].sum()) * seconds < MOMENT_S:
        rest = groups.pop()
        groups[-1] += rest
    return tuple(
        (float(shares[group].sum()), _mean_emotion([emotions[index] for index in group], weights[group]))
        for group in groups
    )


def _passage_words(text: str, seconds: float) -> int:
    """Most words of a passage, so that there are about as many as the music has moments."""
    moments = max(1, int(seconds // MOMENT_S))
    return max(LEAST_WORDS, min(PASSAGE_WORDS, -(-len(text.split()) // moments)))


def passages(text: str, most: int = PASSAGE_WORDS) -> list[str]:
    """A text in pieces of at most so many words, cut between sentences where there are some; at least one."""
    found: list[list[str]] = [[]]
    for sentence in re.split(r"(?<=[.!?…])\s+|\n{2,}", text.strip()):
        words = sentence.split()
        while words:
            room = most - len(found[-1])
            if len(words) > room and found[-1]:
                found.append([])
                continue
            found[-1] += words[:room]
            words = words[room:]
    return [" ".join(words) for words in found if words] or [text]


def is_english(text: str) -> bool:
    """Whether a text looks English: by its letters, and by its common words where it has eight words or more."""
    letters = [character for character in text if character.isalpha()]
    if sum(character.isascii() for character in letters) < 0.8 * len(letters):
        return False
    words = re.findall(r"[a-z']+", text.lower())
    return len(words) < _JUDGED_WORDS or sum(word in _COMMON for word in words) >= _LEAST_COMMON * len(words)
