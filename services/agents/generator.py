"""The picture model as the agents see it: one order in, steps and a picture out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.inference import InferenceClient, InferResult

MODEL: Final = "image_generator"


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """One picture to be painted; the fields are those of the model.

    Attributes:
        prompt: What it should show.
        negative_prompt: What it should not show; "": nothing in particular.
        seed: Of the noise that it starts from, 0..2^64-1.
        steps: Denoising steps.
        guidance_scale: Classifier-free guidance scale; 1 is none.
        width: Pixels.
        height: Pixels.
        preview_every: Steps from one preview to the next; 0: none.
    """

    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    guidance_scale: float
    width: int
    height: int
    preview_every: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step is done.

    Attributes:
        step: How many are done, 1..steps.
        steps: Of how many.
        preview: What it will look like, uint8 (h, w, 3), smaller than the picture; None without.
    """

    step: int
    steps: int
    preview: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A finished picture.

    Attributes:
        pixels: uint8 (height, width, 3), RGB.
        model_version: Version of the model that painted it.
    """

    pixels: NDArray[np.uint8]
    model_version: str


class PictureGenerator:
    """Paints by streaming from the model server; leaving early frees the place in the model's batch.

    Args:
        inference: A client of the model server.
    """

    def __init__(self, inference: InferenceClient) -> None:
        self._inference = inference

    async def paint(
        self, order: PictureOrder, *, timeout_s: float, on_step: Callable[[Step], Awaitable[None]]
    ) -> Picture:
        """Paint one picture.

        Args:
            order: What to paint.
            timeout_s: Longest time, seconds.
            on_step: Called after each step that the model reports.

        Raises:
            InvalidArgument: The model refuses a field of the order.
            Unavailable: The model server is away, or full.
            DeadlineExceeded: It takes too long.
        """
        responses = self._inference.stream(MODEL, _tensors(order), deadline=timeout_s)
        async with aclosing(responses):
            async for response in responses:
                kind = _text(response.outputs["kind"])
                pixels = _pixels(response)
                if kind == "final":
                    if pixels is None or pixels.shape[:2] != (order.height, order.width):
                        raise Internal(f"{MODEL} answered a picture of another size than asked")
                    return Picture(pixels, response.version)
                step, steps = (int(response.outputs[name].flat[0]) for name in ("step", "steps"))
                await on_step(Step(step, steps, pixels if kind == "preview" else None))
        raise Internal(f"{MODEL} ended without a picture")


def _tensors(order: PictureOrder) -> dict[str, NDArray[np.generic]]:
    values: dict[str, NDArray[np.generic]] = {
        "prompt": np.array([order.prompt.encode()], np.object_),
        "seed": np.array([order.seed], np.uint64),
        "steps": np.array([order.steps], np.int32),
        "guidance_scale": np.array([order.guidance_scale], np.float32),
        "width": np.array([order.width], np.int32),
        "height": np.array([order.height], np.int32),
        "preview_every": np.array([order.preview_every], np.int32),
    }
    if order.negative_prompt:
        values["negative_prompt"] = np.array([order.negative_prompt.encode()], np.object_)
    return {name: value[np.newaxis] for name, value in values.items()}


def _text(tensor: NDArray[np.generic]) -> str:
    value = tensor.flat[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def _pixels(response: InferResult) -> NDArray[np.uint8] | None:
    tensor = response.outputs.get("image")
    if tensor is None or tensor.size == 0:
        return None
    return np.ascontiguousarray(tensor, np.uint8).reshape(tensor.shape[-3:])
