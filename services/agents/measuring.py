"""What painted pictures turned out to be: how they feel, whether they show what was asked, which of several is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.server import measures
from luce.server.inference import TextEmbedder
from luce.server.vision import AestheticJudge, PictureReader, Seen
from luce.server.vision.aesthetics import MODEL as AESTHETICS
from luce.v1 import agents_pb2, emotion_pb2

# How much content counts beside emotion where the best of several is chosen. Both are similarities with 1 at best, and
# candidates of one prompt differ by about as much in either.
_CONTENT_SHARE: Final = 0.5
# Digits to which candidates are compared, so that the last bit of another machine changes no choice.
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Meant:
    """What a picture should be.

    Attributes:
        emotion: How it should feel: as the music does, or without music as its prompt does; None where nobody knows.
        by_music: Whether the emotion is that of music.
        text: Embedding of its prompt, (384,) of length 1.
        sem_score: Similarity of the prompt and its scene; None where it names none.
    """

    emotion: Emotion | None
    by_music: bool
    text: NDArray[np.float32]
    sem_score: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One picture, looked at.

    Attributes:
        told: The figures that go into the result.
        fit: How near it is to what was meant, in emotion and content: what the best of several is chosen by.
        models: Name and version of each model that looked.
    """

    told: agents_pb2.PictureMeasures
    fit: float
    models: tuple[tuple[str, str], ...]


class PictureCritic:
    """Looks at pictures with the models of the repository and measures them.

    Args:
        reader: Looks at pictures.
        embedder: Reads prompts.
        judge: Scores beauty, where the repository can; None: nobody does.
        timeout_s: Longest call to the text encoder, seconds.
    """

    def __init__(
        self,
        reader: PictureReader,
        embedder: TextEmbedder,
        *,
        judge: AestheticJudge | None = None,
        timeout_s: float = 20.0,
    ) -> None:
        self._reader = reader
        self._judge = judge
        self._embedder = embedder
        self._timeout_s = timeout_s

    async def read(
        self, prompts: Sequence[agents_pb2.Prompt], music: Sequence[emotion_pb2.Emotion | None]
    ) -> list[Meant]:
        """What each prompt asks for.

        Args:
            prompts: At least one.
            music: How the music of each feels; None where there is none.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: The text encoder is away, slow, or full.
        """
        scenes = [prompt.attributes.scene or prompt.text for prompt in prompts]
        found = await self._embedder.embed([*(p.text for p in prompts), *scenes], deadline=self._timeout_s)
        texts, places = np.split(found.vectors, 2)
        return [
            Meant(
                emotion=_emotion(heard, prompt),
                by_music=heard is not None,
                text=text,
                sem_score=float(measures.sem_score(text, place)) if prompt.attributes.scene else None,
            )
            for prompt, heard, text, place in zip(prompts, music, texts, places, strict=True)
        ]

    async def measure(self, pictures: Sequence[NDArray[np.uint8]], meant: Sequence[Meant]) -> list[Measured]:
        """Measure pictures, uint8 (height, width, 3), against what each should be.

        A picture's figures do not depend on the others.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: A model is away, slow, or full.
        """
        seen = await self._reader.read(list(pictures))
        found = [_measured(*row) for row in zip(pictures, seen, meant, strict=True)]
        if self._judge is None:
            return found
        scores, version = await self._judge.score(list(pictures))
        for one, score in zip(found, scores, strict=True):
            one.told.aesthetic = score
        return [replace(one, models=(*one.models, (AESTHETICS, version))) for one in found]


def best(candidates: Sequence[Measured]) -> int:
    """The index of the candidate that fits best; the first of equals."""
    fits = [round(candidate.fit, _DIGITS) for candidate in candidates]
    return fits.index(max(fits))


def _emotion(heard: emotion_pb2.Emotion | None, prompt: agents_pb2.Prompt) -> Emotion | None:
    if heard is not None:
        return Emotion(heard.valence, heard.arousal)
    return Emotion(prompt.emotion.valence, prompt.emotion.arousal) if prompt.HasField("emotion") else None


def _measured(pixels: NDArray[np.uint8], seen: Seen, meant: Meant) -> Measured:
    look = measures.look_of(pixels)
    felt = seen.emotion
    told = agents_pb2.PictureMeasures(
        image_emotion=emotion_pb2.Emotion(valence=felt.valence, arousal=felt.arousal, dominance=felt.dominance),
        text_similarity=float(measures.cosine(seen.embedding, meant.text)),
        brightness=look.brightness,
        warmth=look.warmth,
        saturation=look.saturation,
    )
    if meant.sem_score is not None:
        told.sem_score = meant.sem_score
    fit = _CONTENT_SHARE * told.text_similarity
    if meant.emotion is not None:
        ours = np.array([felt.valence, felt.arousal])
        theirs = np.array([meant.emotion.valence, meant.emotion.arousal])
        similarity = float(measures.va_similarity(ours, theirs))
        fit += similarity
        if meant.by_music:
            told.va_similarity, told.va_cosine = similarity, float(measures.va_cosine(ours, theirs))
    return Measured(told, fit, seen.models)
