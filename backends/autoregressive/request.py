"""One decoding request: read from tensors, checked against the ranges of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backends.autoregressive.errors import invalid
from backends.autoregressive.events import Array, Ids
from backends.autoregressive.generation import ConditionInput, Generation, Range

MAX_PROMPT_BYTES = 8192
"""Longest prompt accepted, in UTF-8 bytes; far more than any text encoder reads."""

MAX_STOP_SEQUENCES = 16
MAX_STOP_LENGTH = 32
"""Bounds of the stop sequences that a request may bring."""

Tensors = Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class DecodingRequest:
    """What one request asks for, within its ranges.

    Attributes:
        seed: 0..2^64-1; it matters where temperature is above 0 and there is one beam.
        max_tokens: tokens, or frames of several codebooks, to generate at most.
        prefix: (P, K) tokens that are given, after the start token.
        min_tokens: tokens before which the end token may not come.
        temperature: divides the logits; 0 takes the most probable token.
        top_k: tokens to draw among; 0 is all.
        top_p: share of the probability to draw from; 1 is all.
        num_beams: sequences that are followed at the same time; above 1 the most probable one is answered.
        length_penalty: exponent of the length by which a beam's log-probability is divided.
        guidance_scale: classifier-free guidance; 1 is none.
        prompt: the text; "" for models without text.
        negative_prompt: the text to steer away from; None where none was given, which differs from "".
        conditions: tensors without the batch dimension.
        stop_sequences: tokens that end the sequence; they are not part of the result.
        preview_every: new tokens or frames between partial answers; 0 sends none.
        timeout_us: time left to the request when it arrived, in microseconds; 0 is no limit.
    """

    seed: int
    max_tokens: int
    prefix: Ids
    min_tokens: int = 0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    num_beams: int = 1
    length_penalty: float = 1.0
    guidance_scale: float = 1.0
    prompt: str = ""
    negative_prompt: str | None = None
    conditions: Mapping[str, Array] = field(default_factory=dict)
    stop_sequences: tuple[tuple[int, ...], ...] = ()
    preview_every: int = 0
    timeout_us: int = 0


def parse_request(tensors: Tensors, generation: Generation, timeout_us: int = 0) -> DecodingRequest:
    """Read a request.

    Args:
        tensors: inputs by name; the first dimension is a batch of one.
        generation: ranges and defaults.
        timeout_us: time left, in microseconds; 0 is no limit.

    Raises:
        RequestFailed: INVALID_ARGUMENT, naming field and allowed range.
    """
    sampling, guidance = generation.sampling, generation.guidance
    temperature = _ranged(tensors, "temperature", sampling.temperature)
    num_beams = int(_ranged(tensors, "num_beams", sampling.num_beams))
    max_tokens = int(_ranged(tensors, "max_tokens", generation.max_tokens))
    prefix = _prefix(tensors, generation)
    room = generation.max_positions - max(generation.delays) - len(prefix)
    if max_tokens > room:
        raise invalid("max_tokens", f"1..{room} after a prefix of {len(prefix)}", max_tokens)
    return DecodingRequest(
        seed=_seed(tensors, needed=temperature > 0 and num_beams == 1),
        max_tokens=max_tokens,
        prefix=prefix,
        min_tokens=int(_ranged(tensors, "min_tokens", Range(0, max_tokens, 0))),
        temperature=temperature,
        top_k=int(_ranged(tensors, "top_k", sampling.top_k)),
        top_p=_ranged(tensors, "top_p", sampling.top_p),
        num_beams=num_beams,
        length_penalty=_ranged(tensors, "length_penalty", sampling.length_penalty),
        guidance_scale=_ranged(tensors, "guidance_scale", guidance.range if guidance else Range(1, 1, 1)),
        prompt=_prompt(tensors, generation),
        negative_prompt=_text(tensors, "negative_prompt"),
        conditions=_conditions(tensors, generation.condition_inputs),
        stop_sequences=generation.stop_sequences + _stop(tensors, generation),
        preview_every=int(_ranged(tensors, "preview_every", Range(0, generation.max_positions, 0))),
        timeout_us=timeout_us,
    )


def _scalar(tensors: Tensors, name: str) -> Any:
    array = tensors.get(name)
    if array is None:
        return None
    if array.size != 1:
        raise invalid(name, "one value", f"of shape {list(array.shape)}")
    return array.item()


def _seed(tensors: Tensors, *, needed: bool) -> int:
    seed = _scalar(tensors, "seed")
    if seed is None and needed:
        raise invalid("seed", "0..18446744073709551615", "missing")
    return int(seed or 0)


def _ranged(tensors: Tensors, name: str, allowed: Range) -> float:
    value = _scalar(tensors, name)
    if value is None:
        return allowed.default
    if not math.isfinite(value) or not allowed.min <= value <= allowed.max:
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


def _prompt(tensors: Tensors, generation: Generation) -> str:
    prompt = _text(tensors, "prompt")
    if prompt is None and generation.text is not None:
        raise invalid("prompt", f"0..{MAX_PROMPT_BYTES} bytes", "missing")
    return prompt or ""


def _prefix(tensors: Tensors, generation: Generation) -> Ids:
    codebooks = len(generation.delays)
    array = tensors.get("prefix")
    least = generation.guidance.condition_tokens if generation.guidance else 0
    wanted = f"{least}..{generation.max_prefix} tokens of {codebooks} codebooks"
    if array is None:
        array = np.empty((1, 0, codebooks), dtype=np.int64)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[0] != 1 or array.shape[2] != codebooks:
        raise invalid("prefix", wanted, f"of shape {list(array.shape)}")
    if not least <= array.shape[1] <= generation.max_prefix:
        raise invalid("prefix", wanted, f"{array.shape[1]} long")
    return _ids("prefix", array[0], generation.vocabulary_size)


def _ids(name: str, array: Array, vocabulary_size: int) -> Ids:
    if array.size and (array.min() < 0 or array.max() >= vocabulary_size):
        raise invalid(name, f"tokens 0..{vocabulary_size - 1}", f"{array.min()}..{array.max()}")
    return np.array(array, dtype=np.int64)


def _conditions(tensors: Tensors, specs: tuple[ConditionInput, ...]) -> dict[str, Array]:
    found = {}
    for spec in specs:
        array = tensors.get(spec.name)
        wanted = f"a finite tensor of shape {[1, *spec.shape]}"
        if array is None:
            if spec.optional:
                continue
            raise invalid(spec.name, wanted, "missing")
        if array.shape != (1, *spec.shape) or not np.isfinite(array).all():
            raise invalid(spec.name, wanted, f"of shape {list(array.shape)}, or not finite")
        # A copy: the memory that the server lends for a request is gone before the request is done.
        found[spec.name] = np.array(array[0])
    return found


def _stop(tensors: Tensors, generation: Generation) -> tuple[tuple[int, ...], ...]:
    """Rows of the tensor `stop` (1, n, m), each padded with -1 at its end."""
    array = tensors.get("stop")
    if array is None:
        return ()
    wanted = f"1..{MAX_STOP_SEQUENCES} sequences of 1..{MAX_STOP_LENGTH} tokens"
    if len(generation.delays) > 1:
        raise invalid("stop", "none with several codebooks", f"of shape {list(array.shape)}")
    if array.ndim != 3 or not 1 <= array.shape[1] <= MAX_STOP_SEQUENCES or not 1 <= array.shape[2] <= MAX_STOP_LENGTH:
        raise invalid("stop", wanted, f"of shape {list(array.shape)}")
    sequences = [tuple(int(token) for token in row if token != -1) for row in array[0]]
    if not all(sequences):
        raise invalid("stop", wanted, "empty")
    for sequence in sequences:
        _ids("stop", np.array(sequence), generation.vocabulary_size)
    return tuple(sequences)
