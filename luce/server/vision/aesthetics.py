"""How beautiful pictures are judged to be, where the repository has the published predictor (profile `full`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.vision.pixels import SIDE

MODEL: Final = "image_aesthetics"

ROWS: Final = 16
"""Pictures of one call, the model's largest batch."""


def crop(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as CLIP reads it: its shorter side made 224, bicubic, and the middle cut out.

    Args:
        pixels: RGB, uint8 (height, width, 3), at least one pixel.

    Returns:
        RGB, uint8 (224, 224, 3).
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    # Of the middle alone: what is cut off needs no scaling.
    box = (left, top, left + side, top + side)
    found = Image.fromarray(np.ascontiguousarray(pixels), "RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
    return np.asarray(found, dtype=np.uint8).copy()


class AestheticJudge:
    """Scores pictures by `image_aesthetics`.

    Args:
        inference: A client of the model server.
        timeout_s: Longest call, seconds.
    """

    def __init__(self, inference: InferenceClient, timeout_s: float = 20.0) -> None:
        self._inference = inference
        self._timeout_s = timeout_s

    async def score(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[list[float], str]:
        """Scores of pictures of any size, RGB uint8 (height, width, 3), about 1 to 10, and the model's version.

        Raises:
            Unavailable, DeadlineExceeded, ResourceExhausted: The model is away, slow, or full.
            Internal: It answers what it should not.
        """
        scores: list[float] = []
        version = ""
        for start in range(0, len(pictures), ROWS):
            pixels = np.stack([crop(picture) for picture in pictures[start : start + ROWS]])
            found = await self._inference.infer(MODEL, {"pixels": pixels}, deadline=self._timeout_s)
            answer, version = found.outputs["score"], found.version
            if answer.shape != (len(pixels), 1) or not np.isfinite(answer).all():
                raise Internal(f"{MODEL} answered {answer.shape} for {len(pixels)} pictures, or numbers not finite")
            scores += [float(value) for value in answer[:, 0]]
        return scores, version
