"""One generation request: read from tensors, checked against the pipeline's ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from backends.diffusion.errors import invalid
from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import Pipeline, Range

MAX_PROMPT_BYTES = 8192
"""Longest prompt accepted, in UTF-8 bytes; far more than any text encoder reads."""

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What one request asks for, within its ranges.

    Attributes:
        seed: 0..2^64-1.
        steps: number of denoiser steps.
        guidance_scale: classifier-free guidance (Ho and Salimans, 2022); 1 is none, 0 ignores the prompt.
        scheduler: name of the scheduler.
        prompt: the text; "" for models without text.
        negative_prompt: the text to steer away from; None where none was given, which differs from "".
        width: pixels; 0 for models without a size.
        height: pixels.
        adapter: id of an adapter; "" is none.
        preview_every: steps between previews; 0 sends none.
        conditions: tensors that go to the denoiser as they are, without the batch dimension.
        timeout_us: time left to the request when it arrived, in microseconds; 0 is no limit.
    """

    seed: int
    steps: int
    guidance_scale: float
    scheduler: str
    prompt: str = ""
    negative_prompt: str | None = None
    width: int = 0
    height: int = 0
    adapter: str = ""
    preview_every: int = 0
    conditions: Mapping[str, FloatArray] = field(default_factory=dict)
    timeout_us: int = 0


def parse_request(tensors: Tensors, pipeline: Pipeline, timeout_us: int = 0) -> GenerationRequest:
    """Read a request.

    Args:
        tensors: inputs by name; the first dimension is a batch of one.
        pipeline: ranges and defaults.
        timeout_us: time left, in microseconds; 0 is no limit.

    Raises:
        RequestFailed: INVALID_ARGUMENT, naming field and allowed range.
    """
    seed = _scalar(tensors, "seed")
    if seed is None:
        raise invalid("seed", "0..18446744073709551615", "missing")
    return GenerationRequest(
        seed=int(seed),
        steps=int(_ranged(tensors, "steps", pipeline.steps)),
        guidance_scale=_ranged(tensors, "guidance_scale", pipeline.guidance_scale),
        scheduler=_choice(tensors, "scheduler", pipeline.schedulers) or pipeline.default_scheduler,
        prompt=_prompt(tensors, pipeline),
        negative_prompt=_text(tensors, "negative_prompt"),
        width=int(_ranged(tensors, "width", pipeline.size)) if pipeline.size else 0,
        height=int(_ranged(tensors, "height", pipeline.size)) if pipeline.size else 0,
        adapter=_choice(tensors, "adapter", tuple(pipeline.adapters)),
        preview_every=int(_ranged(tensors, "preview_every", Range(0, pipeline.steps.max, 0))),
        conditions={name: _condition(tensors, name, shape) for name, shape in pipeline.condition_inputs.items()},
        timeout_us=timeout_us,
    )


def _scalar(tensors: Tensors, name: str) -> Any:
    array = tensors.get(name)
    if array is None:
        return None
    if array.size != 1:
        raise invalid(name, "one value", f"of shape {list(array.shape)}")
    return array.item()


def _ranged(tensors: Tensors, name: str, allowed: Range) -> float:
    value = _scalar(tensors, name)
    if value is None:
        return allowed.default
    if (
        not math.isfinite(value)
        or not allowed.min <= value <= allowed.max
        or (value % allowed.multiple and allowed.multiple > 1)
    ):
        raise invalid(name, str(allowed), value)
    return float(value)


def _text(tensors: Tensors, name: str) -> str | None:
    value = _scalar(tensors, name)
    if value is None:
        return None
    if len(value) > MAX_PROMPT_BYTES:
        raise invalid(name, f"0..{MAX_PROMPT_BYTES} bytes", f"{len(value)} bytes long")
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise invalid(name, "UTF-8", "not UTF-8") from None


def _prompt(tensors: Tensors, pipeline: Pipeline) -> str:
    prompt = _text(tensors, "prompt")
    if prompt is None and pipeline.text_encoders:
        raise invalid("prompt", f"0..{MAX_PROMPT_BYTES} bytes", "missing")
    return prompt or ""


def _choice(tensors: Tensors, name: str, allowed: tuple[str, ...]) -> str:
    value = _text(tensors, name) or ""
    if value and value not in allowed:
        raise invalid(name, ", ".join(allowed) or "none", repr(value))
    return value


def _condition(tensors: Tensors, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = tensors.get(name)
    wanted = f"a finite tensor of shape {[1, *shape]}"
    if array is None:
        raise invalid(name, wanted, "missing")
    if array.shape != (1, *shape) or not np.isfinite(array).all():
        raise invalid(name, wanted, f"of shape {list(array.shape)}, or not finite")
    return np.array(array[0], dtype=np.float32)
