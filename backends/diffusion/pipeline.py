"""`pipeline.json`: which graphs make up a model, how they are sampled, and which values a request may ask for.

The smallest description of a picture model::

    {"version": 1,
     "text_encoders": [{"graph": "te.onnx", "tokenizer": "tokenizer.json", "max_length": 64,
                        "hidden_states": "token_states", "pooled": "sent_emb"}],
     "denoiser": {"graph": "denoiser.onnx", "prediction_type": "velocity"},
     "decoder": {"graph": "decoder.onnx", "scale_factor": 4, "scaling_factor": 1.0},
     "latent_channels": 3,
     "schedulers": ["flow_match_euler"],
     "size": {"min": 192, "max": 512, "multiple": 32, "default": 256},
     "steps": {"min": 1, "max": 100, "default": 12},
     "guidance_scale": {"min": 0, "max": 15, "default": 4.0}}

Further keys: `adapters` (id → denoiser graph with the adapter merged), `default_scheduler`, `shift` (flow matching),
`noise_schedule` (the betas of a discrete-time model), `negative_prompt` ("empty" or "zeros": what no negative prompt
means), `preview` (`factors` and `bias` from latent channels to RGB). A model over embeddings has `condition_inputs`
(request tensors that go to the denoiser as they are) and `latent_shape` instead of text encoders, size and decoder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.diffusion.errors import PipelineError

PREDICTION_TYPES = ("velocity", "epsilon", "v_prediction", "sample")
NEGATIVE_PROMPTS = ("empty", "zeros")


@dataclass(frozen=True, slots=True)
class Range:
    """Values a request may ask for, both ends included, and the one it gets without asking."""

    min: float
    max: float
    default: float
    multiple: int = 1

    def __str__(self) -> str:
        steps = f" in multiples of {self.multiple}" if self.multiple > 1 else ""
        return f"{self.min:g}..{self.max:g}{steps}"


@dataclass(frozen=True, slots=True)
class TextEncoderSpec:
    """A text encoder: token ids of shape (1, `max_length`) in, hidden states and perhaps a pooled embedding out.

    `padding` has one value, "max_length": rows of one denoiser call agree in length, whatever their texts.
    """

    graph: Path
    tokenizer: Path
    max_length: int
    hidden_states: str
    pooled: str | None = None
    pad_token: str | None = None
    padding: str = "max_length"


@dataclass(frozen=True, slots=True)
class DecoderSpec:
    """From latents to pixels: latents are divided by `scaling_factor`, each becomes `scale_factor` squared pixels."""

    graph: Path
    scale_factor: int
    scaling_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """Betas of a discrete-time model. The defaults are those of Stable Diffusion XL (Podell et al., 2023)."""

    betas: str = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    train_steps: int = 1000
    steps_offset: int = 1


@dataclass(frozen=True, slots=True)
class PreviewSpec:
    """Linear map from latent channels to RGB in [-1, 1], for pictures of an unfinished sample."""

    factors: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole model, as `pipeline.json` describes it."""

    denoiser: Path
    prediction_type: str
    schedulers: tuple[str, ...]
    default_scheduler: str
    steps: Range
    guidance_scale: Range
    text_encoders: tuple[TextEncoderSpec, ...] = ()
    condition_inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    adapters: Mapping[str, Path] = field(default_factory=dict)
    decoder: DecoderSpec | None = None
    size: Range | None = None
    latent_channels: int = 3
    latent_shape: tuple[int, ...] | None = None
    shift: float = 1.0
    noise_schedule: NoiseSchedule = NoiseSchedule()
    negative_prompt: str = "empty"
    preview: PreviewSpec | None = None

    def latents(self, width: int, height: int) -> tuple[int, ...]:
        """Shape of one sample's latents, without the batch dimension."""
        if self.latent_shape is not None:
            return self.latent_shape
        factor = self.decoder.scale_factor if self.decoder else 1
        return (self.latent_channels, height // factor, width // factor)


def load_pipeline(path: Path) -> Pipeline:
    """Read a description; graphs are looked up beside it.

    Raises:
        PipelineError: the file is missing or malformed, names an unknown value, or contradicts itself.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}: {error}") from error
    try:
        pipeline = _parse(document, path.parent)
    except (KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{path}: {type(error).__name__}: {error}") from error
    _check(pipeline, path)
    return pipeline


def _parse(document: dict[str, Any], folder: Path) -> Pipeline:
    if document.get("version") != 1:
        raise ValueError(f"version {document.get('version')!r}, this backend reads version 1")
    schedulers = tuple(document["schedulers"])
    decoder = document.get("decoder")
    return Pipeline(
        denoiser=folder / document["denoiser"]["graph"],
        prediction_type=document["denoiser"]["prediction_type"],
        schedulers=schedulers,
        default_scheduler=document.get("default_scheduler", schedulers[0]),
        steps=Range(**document["steps"]),
        guidance_scale=Range(**document["guidance_scale"]),
        text_encoders=tuple(
            TextEncoderSpec(**{**spec, "graph": folder / spec["graph"], "tokenizer": folder / spec["tokenizer"]})
            for spec in document.get("text_encoders", ())
        ),
        condition_inputs={i["name"]: tuple(i["shape"]) for i in document.get("condition_inputs", ())},
        adapters={name: folder / graph for name, graph in document.get("adapters", {}).items()},
        decoder=DecoderSpec(**{**decoder, "graph": folder / decoder["graph"]}) if decoder else None,
        size=Range(**document["size"]) if "size" in document else None,
        latent_channels=document.get("latent_channels", 3),
        latent_shape=tuple(document["latent_shape"]) if "latent_shape" in document else None,
        shift=float(document.get("shift", 1.0)),
        noise_schedule=NoiseSchedule(**document.get("noise_schedule", {})),
        negative_prompt=document.get("negative_prompt", "empty"),
        preview=_preview(document.get("preview")),
    )


def _preview(document: dict[str, Any] | None) -> PreviewSpec | None:
    if document is None:
        return None
    factors = tuple(tuple(map(float, row)) for row in document["factors"])
    return PreviewSpec(factors=factors, bias=tuple(document.get("bias", (0.0, 0.0, 0.0))))


def _check(pipeline: Pipeline, path: Path) -> None:
    problems = [
        (pipeline.prediction_type not in PREDICTION_TYPES, f"prediction_type {pipeline.prediction_type!r}"),
        (pipeline.negative_prompt not in NEGATIVE_PROMPTS, f"negative_prompt {pipeline.negative_prompt!r}"),
        (pipeline.default_scheduler not in pipeline.schedulers, f"default_scheduler {pipeline.default_scheduler!r}"),
        (any(encoder.padding != "max_length" for encoder in pipeline.text_encoders), "padding other than max_length"),
        (pipeline.shift <= 0, f"shift {pipeline.shift}"),
        (pipeline.size is None and pipeline.latent_shape is None, "neither size nor latent_shape"),
        (not pipeline.text_encoders and not pipeline.condition_inputs, "neither text_encoders nor condition_inputs"),
    ]
    found = [text for wrong, text in problems if wrong]
    if found:
        raise PipelineError(f"{path}: {'; '.join(found)}")
