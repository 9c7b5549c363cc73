"""From a model's folder and configuration to an engine that is warm."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backends.autoregressive.conditioning import Conditioner
from backends.autoregressive.constraints import CONSTRAINTS, Constraint
from backends.autoregressive.decoder import Decoder, Prefill
from backends.autoregressive.engine import Engine, Limits, Parts
from backends.autoregressive.errors import GenerationError
from backends.autoregressive.events import Array, Failed, Ids
from backends.autoregressive.finish import Finisher
from backends.autoregressive.generation import Generation, load_generation
from backends.autoregressive.graphs import OnnxFunction
from backends.autoregressive.ladder import ExampleRow, RowLadder, stable_ladder
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.slots import POSITION, TOKENS, Layout

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """Parameters of a model configuration that this backend reads.

    Attributes:
        max_rows: most rows in one decoder call.
        limits: `max_running` rows in flight; `max_waiting` requests wait, more are refused.
        threads: threads inside one operator; None takes the whole budget.
    """

    max_rows: int = 16
    limits: Limits = field(default_factory=Limits)
    threads: int | None = None

    @classmethod
    def parse(cls, model_config: str) -> Options:
        """Read the JSON that Triton hands to `initialize`. Raises `GenerationError` for a value that makes no sense."""
        given: dict[str, Any] = json.loads(model_config).get("parameters", {})
        texts = {name: value["string_value"] for name, value in given.items()}
        return cls(
            max_rows=_count(texts, "max_rows", 16),
            limits=Limits(_count(texts, "max_running", 16), _count(texts, "max_waiting", 64, least=0)),
            threads=_count(texts, "intra_op_thread_count", 0, least=0) or None,
        )


def _count(texts: dict[str, str], name: str, default: int, *, least: int = 1) -> int:
    text = texts.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise GenerationError(f"parameter {name} is a whole number of at least {least}, not {text!r}")
    return int(text)


def load_engine(
    folder: Path, options: Options, *, kind: str = "CPU", device_id: int = 0
) -> tuple[Engine, Generation, Mapping[int, RowLadder]]:
    """Load every graph of `folder`/generation.json, find the stable row counts, and run the whole model once.

    Raises:
        GenerationError: the description or a graph does not fit.
    """
    generation = load_generation(folder / "generation.json")
    most = generation.sampling.num_beams.max * (2 if generation.guidance else 1)
    if most > options.limits.rows:
        raise GenerationError(f"a request may have {most:g} rows, but max_running is {options.limits.rows}")

    def load(path: Path) -> OnnxFunction:
        return OnnxFunction(path, threads=options.threads, kind=kind, device_id=device_id)

    decoder = Decoder(generation, load(generation.decoder))
    encoder = load(generation.encoder) if generation.encoder else None
    parts = Parts(
        generation,
        Conditioner(generation, encoder, list(decoder.layout.memory)),
        decoder,
        {
            length: _ladder(decoder, generation, length, min(options.max_rows, options.limits.rows))
            for length in generation.cache.lengths
        },
        Prefill(generation, load(generation.prefill)) if generation.prefill else None,
        _constraint(generation),
        Finisher(generation.finish, load(generation.finish.graph)) if generation.finish else None,
    )
    engine = Engine(parts, limits=options.limits)
    _warm_up(engine, generation, parts.constraint)
    return engine, generation, parts.ladders


def _constraint(generation: Generation) -> Constraint | None:
    if generation.constraint is None:
        return None
    kind, path = generation.constraint
    if kind not in CONSTRAINTS:
        raise GenerationError(f"no constraint {kind!r}; there are {', '.join(CONSTRAINTS)}")
    return CONSTRAINTS[kind](path, generation.vocabulary_size)


def _ladder(decoder: Decoder, generation: Generation, length: int, most: int) -> RowLadder:
    random = np.random.default_rng(length)
    positions = np.linspace(0, length - 1, 2 * most).astype(int)
    examples = [_example(decoder.layout, length, int(position), random) for position in positions]
    for example in examples:
        example[TOKENS] = random.integers(0, generation.vocabulary_size, decoder.layout.codebooks)

    def run(rows: Sequence[ExampleRow]) -> list[bytes]:
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        logits, entries = decoder(arrays)
        # In place, the cache that was handed over is the answer.
        answers = [logits, *(entries.values() or [arrays[tensor.input] for tensor in decoder.layout.cache])]
        return [b"".join(answer[index].tobytes() for answer in answers) for index in range(len(rows))]

    ladder = stable_ladder(run, examples[::2], examples[1::2])
    if ladder.largest < most:
        log.warning("with a cache of %d, calls of more than %d rows change bits", length, ladder.largest)
    return ladder


def _example(layout: Layout, length: int, position: int, random: np.random.Generator) -> dict[str, Array]:
    """A row with random contents, of whose cache `position` entries are in use."""
    found: dict[str, Array] = {name: array[0] for name, array in layout.allocate(length, 1).items()}
    found[POSITION] = np.array(position)
    for tensor, dtype in layout.cache.items():
        by_time = np.moveaxis(found[tensor.input], tensor.time_axis, 0)
        by_time[:position] = random.standard_normal(by_time[:position].shape).astype(dtype)
    for name, (shape, dtype) in layout.memory.items():
        floating = np.issubdtype(dtype, np.floating)
        found[name] = (random.standard_normal(shape) if floating else np.ones(shape)).astype(dtype)
    return found


def _some_prefix(generation: Generation, constraint: Constraint | None) -> Ids:
    """As many tokens as every request has to bring, such as the constraint lets come."""
    needed = generation.guidance.condition_tokens if generation.guidance else 0
    prefix = np.zeros((needed, len(generation.delays)), dtype=np.int64)
    if constraint is not None:
        state = constraint.start()
        for index in range(needed):
            prefix[index] = int(np.argmax(constraint.allowed(state)))
            state = constraint.advance(state, int(prefix[index, 0])) or 0
    return prefix


def _warm_up(engine: Engine, generation: Generation, constraint: Constraint | None) -> None:
    """Send one request through the model, so that readiness means that the first client waits for nobody."""
    guidance = generation.guidance
    request = DecodingRequest(
        seed=0,
        max_tokens=min(2, int(generation.max_tokens.max)),
        prefix=_some_prefix(generation, constraint),
        guidance_scale=guidance.range.default if guidance else 1.0,
        conditions={
            spec.name: np.zeros(spec.shape, np.float32) for spec in generation.condition_inputs if not spec.optional
        },
    )
    engine.submit("warm-up", request)
    while "warm-up" in engine:
        for event in engine.step().get("warm-up", ()):
            if isinstance(event, Failed):
                raise GenerationError(f"a first request failed: {event.message}")
