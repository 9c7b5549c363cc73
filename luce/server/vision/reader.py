"""Pictures through the models that look at them: what they show, and how they feel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.vision.pixels import prepare

ENCODER: Final = "image_encoder"
EMOTION: Final = "image_emotion"

ROWS: Final = 16
"""Pictures of one call, the models' largest batch."""

OBJECTS: Final = 10
"""How many object names are told of a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the models make of one picture.

    Attributes:
        embedding: float32 (384,) of length 1, in the space of `text_encoder`.
        features: float32 (F,), what `image_emotion` reads.
        emotion: How it feels.
        uncertainty: Standard deviations of valence, arousal and dominance, float32 (3,).
        objects: Names of what it shows with their probabilities, the likeliest first.
        models: Name and version of each model that looked.
    """

    embedding: NDArray[np.float32]
    features: NDArray[np.float32]
    emotion: Emotion
    uncertainty: NDArray[np.float32]
    objects: tuple[tuple[str, float], ...]
    models: tuple[tuple[str, str], ...]


class PictureReader:
    """Looks at pictures.

    Args:
        inference: A client of the model server.
        timeout_s: Longest call to a model, seconds.
    """

    def __init__(self, inference: InferenceClient, timeout_s: float = 20.0) -> None:
        self._inference = inference
        self._timeout_s = timeout_s

    async def read(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Seen]:
        """Read pictures of any size, RGB uint8 (height, width, 3). What is told of one does not hang on the others.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: A model is away, slow, or full.
            Internal: A model answers what it should not.
        """
        seen: list[Seen] = []
        for start in range(0, len(pictures), ROWS):
            pixels = np.stack([prepare(picture) for picture in pictures[start : start + ROWS]])
            found = await self._inference.infer(ENCODER, {"pixels": pixels}, deadline=self._timeout_s)
            features = np.ascontiguousarray(found.outputs["features"], np.float32)
            felt = await self._inference.infer(EMOTION, {"features": features}, deadline=self._timeout_s)
            emotions = felt.outputs["emotion"]
            if emotions.shape != (len(pixels), 3) or not np.isfinite(emotions).all():
                raise Internal(f"{EMOTION} answered {emotions.shape} for {len(pixels)} pictures, or numbers not finite")
            for row, point in enumerate(np.clip(emotions, -1.0, 1.0)):
                seen.append(
                    Seen(
                        embedding=np.asarray(found.outputs["embedding"][row], np.float32),
                        features=features[row],
                        emotion=Emotion(*(float(value) for value in point)),
                        uncertainty=np.asarray(felt.outputs["uncertainty"][row], np.float32),
                        objects=_named(found.outputs["objects"][row]),
                        models=((ENCODER, found.version), (EMOTION, felt.version)),
                    )
                )
        return seen


def _named(probabilities: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
    order = np.argsort(-probabilities, kind="stable")[:OBJECTS]
    return tuple((object_names()[place], float(probabilities[place])) for place in order)


@lru_cache(maxsize=1)
def object_names() -> tuple[str, ...]:
    """The names of `objects`, in the order of the model's output."""
    text = resources.files("luce.server.vision").joinpath("objects.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
