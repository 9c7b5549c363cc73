"""What is seen in an image or a video: shots, their feelings, what they show, and the music that they call for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.server.chain import Impression, MusicIdea, MusicMapper, Seer
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.media import Video
from luce.server.vision.pixels import prepare
from luce.server.vision.reader import PictureReader, Seen

FRAMES_OF_A_SHOT: Final = 4
"""Frames of one shot that are looked at, at even distances."""


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """One image, or one shot of a video.

    Attributes:
        start_s: Where it begins, seconds; 0 for an image.
        duration_s: How long it lasts, seconds; 1 for an image.
        impression: The feeling and the sights; the ground of the chain of thought.
        embedding: (384,) float32 of length 1, in the shared space.
    """

    start_s: float
    duration_s: float
    impression: Impression
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """All that was seen.

    Attributes:
        glances: At least one, in order of time.
        models: Name and version of each model that looked.
    """

    glances: tuple[Glance, ...]
    models: tuple[tuple[str, str], ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """How long each glance lasts."""
        return tuple(glance.duration_s for glance in self.glances)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(384,) float32 of length 1: the mean by time."""
        return _unit(np.average([glance.embedding for glance in self.glances], axis=0, weights=self.seconds))


class Viewer:
    """Looks at images and videos.

    Args:
        inference: A client of the model server.
        embedder: Text into vectors, for the names of sights.
        timeout_s: Longest call to a model, seconds.
    """

    def __init__(self, inference: InferenceClient, embedder: TextEmbedder, timeout_s: float) -> None:
        self._pictures = PictureReader(inference, timeout_s)
        self._mapper = MusicMapper(inference)
        self._embedder = embedder
        self._timeout_s = timeout_s
        self._seer: Seer | None = None

    async def image(self, pixels: NDArray[np.uint8], asked: Emotion | None = None) -> View:
        """Look at an image, RGB uint8 (height, width, 3).

        Args:
            pixels: The image, of any size.
            asked: How it should feel, instead of how it does.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: A model is away, slow, or full.
        """
        seen = await self._pictures.read([pixels])
        return View((await self._glance(0.0, 1.0, seen, [pixels], asked),), seen[0].models)

    async def video(self, video: Video, asked: Emotion | None = None) -> View:
        """Look at a few frames of each shot. Arguments and errors as of `image`."""
        times = np.array(video.times_s)
        places = [_within(times, start, end) for start, end in video.shots]
        wanted = sorted({index for chosen in places for index in chosen})
        seen = dict(zip(wanted, await self._pictures.read([video.frames[index] for index in wanted]), strict=True))
        glances = [
            await self._glance(
                start, end - start, [seen[index] for index in chosen], [video.frames[index] for index in chosen], asked
            )
            for (start, end), chosen in zip(video.shots, places, strict=True)
        ]
        return View(tuple(glances), seen[wanted[0]].models)

    async def imagine(self, view: View, seed: int) -> MusicIdea:
        """The music that fits what was seen, as a vector; another seed gives another music. Errors as of `image`."""
        return await self._mapper.map(view.embedding, seed=seed, deadline=self._timeout_s)

    async def _glance(
        self,
        start_s: float,
        duration_s: float,
        seen: Sequence[Seen],
        pictures: Sequence[NDArray[np.uint8]],
        asked: Emotion | None,
    ) -> Glance:
        seer = await self._learned()
        embedding = _unit(np.mean([one.embedding for one in seen], axis=0))
        emotion = asked or _mean_emotion(seen)
        middle = len(seen) // 2
        small = await asyncio.to_thread(prepare, pictures[middle])
        impression = await asyncio.to_thread(seer.look, embedding, emotion, pixels=small, objects=seen[middle].objects)
        return Glance(start_s, duration_s, replace(impression, emotion=emotion), embedding)

    async def _learned(self) -> Seer:
        """The names of sights, embedded at the first look: the model server may not be there before."""
        if self._seer is None:
            phrases = Seer.phrases()
            vectors = [
                (await self._embedder.embed(phrases[start : start + 32], deadline=self._timeout_s)).vectors
                for start in range(0, len(phrases), 32)
            ]
            self._seer = Seer(np.concatenate(vectors))
        return self._seer


def _within(times: NDArray[np.float64], start: float, end: float) -> list[int]:
    """Indices of a few frames of a stretch, evenly; of the nearest one where it holds none."""
    inside = np.flatnonzero((times >= start) & (times < end))
    if not inside.size:
        return [int(np.abs(times - (start + end) / 2).argmin())]
    chosen = inside[np.linspace(0, inside.size - 1, min(FRAMES_OF_A_SHOT, inside.size)).round().astype(int)]
    return [int(index) for index in dict.fromkeys(chosen.tolist())]


def _mean_emotion(seen: Sequence[Seen]) -> Emotion:
    def mean(name: str) -> float:
        return float(np.mean([getattr(one.emotion, name) for one in seen]))

    return Emotion(mean("valence"), mean("arousal"), mean("dominance"))


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
