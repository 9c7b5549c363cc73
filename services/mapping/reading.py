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
"""Words of one passage: what the text encoder reads in one go, with room to spare."""

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
        models: Name and version of each model that read.
        notes: What a reader should know of the reading; may be empty.
    """

    impression: Impression
    embedding: NDArray[np.float32]
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

    async def read(self, text: str, asked: Emotion | None = None) -> Reading:
        """Read a text.

        Args:
            text: Checked by `luce.server.music.limits.check_story`.
            asked: How it should feel, instead of how it does.

        Raises:
            ResourceExhausted, Unavailable, DeadlineExceeded: From the inference client.
        """
        parts = passages(text)
        embedded = await self._embedder.embed(parts, deadline=self._timeout_s)
        weights = np.array([len(part) for part in parts], np.float32)
        mean = np.average(embedded.vectors, axis=0, weights=weights)
        models = [(MODEL, embedded.model.partition(":")[2])]
        if asked is None:
            felt = await self._feeler.feel(parts, deadline=self._timeout_s)
            models += felt[0].models
            asked = _mean_emotion([one.emotion for one in felt], weights)
        # The lexicon names the sights; how they feel is the model's affair, or the caller's.
        impression = replace(read(text), emotion=asked)
        notes = []
        if not is_english(text):
            notes.append("The words do not look English: what is read in them is uncertain.")
        embedding = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
        return Reading(impression, embedding, tuple(dict(models).items()), tuple(notes))


def _mean_emotion(emotions: Sequence[Emotion], weights: NDArray[np.float32]) -> Emotion:
    points = [(one.valence, one.arousal, one.dominance) for one in emotions]
    return Emotion(*(float(value) for value in np.clip(np.average(points, axis=0, weights=weights), -1, 1)))


def passages(text: str) -> list[str]:
    """A text in pieces of at most `PASSAGE_WORDS` words, cut between sentences where there are some; at least one."""
    found: list[list[str]] = [[]]
    for sentence in re.split(r"(?<=[.!?…])\s+|\n{2,}", text.strip()):
        words = sentence.split()
        while words:
            room = PASSAGE_WORDS - len(found[-1])
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
