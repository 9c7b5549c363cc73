"""From a model's folder and configuration to an engine that is warm."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from backends.diffusion.batch import Denoise, Row, RowLadder, stable_ladder
from backends.diffusion.conditioning import Conditioner, TextEncoder
from backends.diffusion.decode import Decoder
from backends.diffusion.engine import Engine, Limits, Scheduling
from backends.diffusion.errors import PipelineError
from backends.diffusion.graphs import OnnxFunction
from backends.diffusion.noise import initial_noise
from backends.diffusion.pipeline import Pipeline, load_pipeline
from backends.diffusion.request import GenerationRequest
from backends.diffusion.schedulers import SCHEDULERS, trajectory

SCHEDULING_VARIABLE = "LUCE_DIFFUSION_SCHEDULING"
"""Environment variable that overrides the parameter `scheduling` of every diffusion model, for comparisons."""


@dataclass(frozen=True, slots=True)
class Options:
    """Parameters of a model configuration that this backend reads.

    Attributes:
        max_rows: most rows in one denoiser call; a guided request has two.
        limits: `max_running` requests step together, `max_waiting` wait, more are refused.
        prompt_cache: texts whose embeddings are kept.
        scheduling: "iteration"; "no_join" and "run_to_completion" are for comparisons.
        threads: threads inside one operator; None takes the whole budget.
    """

    max_rows: int = 8
    limits: Limits = field(default_factory=Limits)
    prompt_cache: int = 128
    scheduling: Scheduling = "iteration"
    threads: int | None = None

    @classmethod
    def parse(cls, model_config: str) -> Options:
        """Read the JSON that Triton hands to `initialize`. Raises `PipelineError` for a value that makes no sense."""
        given: dict[str, Any] = json.loads(model_config).get("parameters", {})
        texts = {name: value["string_value"] for name, value in given.items()}
        scheduling: Any = os.environ.get(SCHEDULING_VARIABLE) or texts.get("scheduling", "iteration")
        if scheduling not in get_args(Scheduling):
            raise PipelineError(f"scheduling {scheduling!r}; there are {', '.join(get_args(Scheduling))}")
        return cls(
            max_rows=_count(texts, "max_rows", 8, least=2),
            limits=Limits(_count(texts, "max_running", 4), _count(texts, "max_waiting", 28, least=0)),
            prompt_cache=_count(texts, "prompt_cache", 128),
            scheduling=scheduling,
            threads=_count(texts, "intra_op_thread_count", 0, least=0) or None,
        )


def _count(texts: dict[str, str], name: str, default: int, *, least: int = 1) -> int:
    text = texts.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise PipelineError(f"parameter {name} is a whole number of at least {least}, not {text!r}")
    return int(text)


def load_engine(
    folder: Path, options: Options, *, kind: str = "CPU", device_id: int = 0
) -> tuple[Engine, Pipeline, RowLadder]:
    """Load every graph of `folder`/pipeline.json, find the stable row counts, and run the whole pipeline once.

    Raises:
        PipelineError: the description or a graph does not fit.
    """
    pipeline = load_pipeline(folder / "pipeline.json")
    unknown = set(pipeline.schedulers) - set(SCHEDULERS)
    if unknown:
        raise PipelineError(f"no scheduler {', '.join(sorted(unknown))}; there are {', '.join(SCHEDULERS)}")

    def load(path: Path) -> OnnxFunction:
        return OnnxFunction(path, threads=options.threads, kind=kind, device_id=device_id)

    graphs = {name: load(path) for name, path in {"": pipeline.denoiser, **pipeline.adapters}.items()}
    for graph in graphs.values():
        graph.require(["sample", "timestep", *pipeline.condition_inputs])
    conditioner = Conditioner(
        pipeline,
        [TextEncoder(spec, load(spec.graph)) for spec in pipeline.text_encoders],
        list(graphs[""].inputs),
        cache_size=options.prompt_cache,
    )
    decoder = Decoder(pipeline.decoder, load(pipeline.decoder.graph) if pipeline.decoder else None, pipeline.preview)
    denoisers = {name: _denoiser(graph) for name, graph in graphs.items()}
    ladder = stable_ladder(denoisers[""], _example_rows(pipeline, conditioner, options.max_rows))
    engine = Engine(
        pipeline, denoisers, ladder, conditioner, decoder, limits=options.limits, scheduling=options.scheduling
    )
    _warm_up(engine, pipeline)
    return engine, pipeline, ladder


def _denoiser(graph: OnnxFunction) -> Denoise:
    return lambda arrays: graph(arrays, graph.outputs[:1])[0]


def _example(pipeline: Pipeline, seed: int, adapter: str = "") -> GenerationRequest:
    size = int(pipeline.size.default) if pipeline.size else 0
    conditions = {name: initial_noise(seed, shape) for name, shape in pipeline.condition_inputs.items()}
    return GenerationRequest(
        seed=seed,
        steps=int(pipeline.steps.min),
        guidance_scale=pipeline.guidance_scale.default,
        scheduler=pipeline.default_scheduler,
        prompt=f"warm-up {seed}",
        width=size,
        height=size,
        adapter=adapter,
        conditions=conditions,
    )


def _example_rows(pipeline: Pipeline, conditioner: Conditioner, count: int) -> list[Row]:
    rows: list[Row] = []
    for seed in range(count):
        request = _example(pipeline, seed)
        path = trajectory(request.scheduler, count, pipeline)
        sample = initial_noise(seed, pipeline.latents(request.width, request.height))
        inputs: Row = {
            "sample": path.scale_input(seed, sample * np.float32(path.initial_scale)),
            "timestep": path.timesteps[seed],
        }
        rows.append({**conditioner.conditional(request), **inputs})
    return rows


def _warm_up(engine: Engine, pipeline: Pipeline) -> None:
    """Send one request through every adapter, so that readiness means that the first client waits for nobody."""
    for adapter in ("", *pipeline.adapters):
        key = ("warm-up", adapter)
        engine.submit(key, _example(pipeline, 0, adapter))
        while key in engine:
            engine.step()
