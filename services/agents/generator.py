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

# Values of the model's output `kind`, beside b"progress".
_PREVIEW, _FINAL = b"preview", b"final"


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """One picture to be painted; the fields are those of the model. None: the model's default.

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
    steps: int | None = None
    guidance_scale: float | None = None
    width: int | None = None
    height: int | None = None
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
        steps: Denoising steps that were taken.
        model_version: Version of the model that painted it.
    """

    pixels: NDArray[np.uint8]
    steps: int
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
        picture = None
        responses = self._inference.stream(MODEL, _tensors(order), deadline=timeout_s)
        async with aclosing(responses):
            # To its very end: leaving after the picture would reach the server as a cancellation.
            async for response in responses:
                kind = response.outputs["kind"].flat[0]
                step, steps = (int(response.outputs[name].flat[0]) for name in ("step", "steps"))
                pixels = _pixels(response)
                if kind != _FINAL:
                    await on_step(Step(step, steps, pixels if kind == _PREVIEW else None))
                elif pixels is not None:
                    picture = Picture(pixels, steps, response.version)
        if picture is None:
            raise Internal(f"{MODEL} ended without a picture")
        return picture


def _tensors(order: PictureOrder) -> dict[str, NDArray[np.generic]]:
    values: dict[str, NDArray[np.generic]] = {
        "prompt": np.array([order.prompt.encode()], np.object_),
        "seed": np.array([order.seed], np.uint64),
        "preview_every": np.array([order.preview_every], np.int32),
    }
    if order.negative_prompt:
        values["negative_prompt"] = np.array([order.negative_prompt.encode()], np.object_)
    if order.guidance_scale is not None:
        values["guidance_scale"] = np.array([order.guidance_scale], np.float32)
    for name in ("steps", "width", "height"):
        if (value := getattr(order, name)) is not None:
            values[name] = np.array([value], np.int32)
    return {name: value[np.newaxis] for name, value in values.items()}


def _pixels(response: InferResult) -> NDArray[np.uint8] | None:
    tensor = response.outputs.get("image")
    return np.ascontiguousarray(tensor, np.uint8).reshape(tensor.shape[-3:]) if tensor is not None else None
