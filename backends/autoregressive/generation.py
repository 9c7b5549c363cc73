"""`generation.json`: which graphs make up a model, how its tokens are decided, which values a request may ask for.

The smallest description::

    {"version": 1, "vocabulary_size": 235, "bos": 0, "eos": 1,
     "decoder": {"graph": "decoder.onnx"},
     "cache": {"lengths": [128, 512],
               "tensors": [{"input": "cache", "output": "new_cache", "shape": ["time", 6, 2, 1, 32]}]},
     "max_tokens": {"min": 1, "max": 511, "default": 256}}

All other keys stand in `backends/README.md`, with three models as examples.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.autoregressive.errors import GenerationError

TIME = "time"
"""Stands for the axis of positions in the shape of a cache tensor."""

UPDATES = ("append", "in_place")
UNCONDITIONALS = ("zeros", "empty")


@dataclass(frozen=True, slots=True)
class Range:
    """Values a request may ask for, both ends included, and the one it gets without asking."""

    min: float
    max: float
    default: float

    def __str__(self) -> str:
        return f"{self.min:g}..{self.max:g}"


@dataclass(frozen=True, slots=True)
class CacheTensor:
    """One tensor of keys, values or both: `shape` is that of one row, with "time" as the axis of positions."""

    input: str
    output: str
    shape: tuple[int | str, ...]

    @property
    def time_axis(self) -> int:
        """Index of the time axis in `shape`."""
        return self.shape.index(TIME)


@dataclass(frozen=True, slots=True)
class CacheSpec:
    """The key-value cache.

    Attributes:
        tensors: its tensors.
        lengths: sizes of the time axis, ascending; a row at position p runs in the smallest that holds p + 1 entries,
            with other rows of that length. The last one is the most positions of a request.
        update: "append": outputs hold the new entry alone, without the time axis. "in_place": outputs are the whole
            cache with the entry written at the row's position, in the input's own memory.
    """

    tensors: tuple[CacheTensor, ...]
    lengths: tuple[int, ...]
    update: str = "append"


@dataclass(frozen=True, slots=True)
class TextSpec:
    """Text inputs `prompt` and `negative_prompt`, as `input_ids` and `attention_mask` (1, `max_length`).

    `pad_token` is "[PAD]" where none is given.
    """

    tokenizer: Path
    max_length: int
    pad_token: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionInput:
    """A request tensor that goes to the encoder, or without one to the decoder, as it is."""

    name: str
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class GuidanceSpec:
    """Classifier-free guidance with a second row for each one.

    Attributes:
        range: allowed scales; 1 needs no second row.
        unconditional: the second row's memory: "zeros", or "empty", the encoding of the empty text and of zeros. A
            negative prompt takes the place of both.
        null_token: what the second row reads in place of the prefix's first `condition_tokens` tokens.
        condition_tokens: how many those are.
    """

    range: Range
    unconditional: str = "zeros"
    null_token: int | None = None
    condition_tokens: int = 0


@dataclass(frozen=True, slots=True)
class FinishSpec:
    """A graph that turns frames into media, in chunks: `input` (1, K, T) int64 to `output` (1, ..., T · hop).

    Attributes:
        hop: samples a frame.
        chunk: frames a chunk; 0 decodes all at the end.
        left: frames before a chunk that are decoded with it and thrown away.
        right: likewise after it.
        crossfade: samples over which what was decoded to the right of a chunk fades into the next one, at most
            right · hop.
    """

    graph: Path
    input: str
    output: str
    hop: int
    chunk: int = 0
    left: int = 0
    right: int = 0
    crossfade: int = 0


@dataclass(frozen=True, slots=True)
class SamplingSpec:
    """Ranges of what decides a token. Without any, decoding is greedy."""

    temperature: Range = Range(0, 2, 0)
    top_k: Range = Range(0, 2**31 - 1, 0)
    top_p: Range = Range(0.01, 1, 1)
    num_beams: Range = Range(1, 1, 1)
    length_penalty: Range = Range(-2, 2, 1)


@dataclass(frozen=True, slots=True)
class Generation:
    """A whole model, as `generation.json` describes it."""

    vocabulary_size: int
    bos: int
    decoder: Path
    cache: CacheSpec
    max_tokens: Range
    eos: int | None = None
    pad: int | None = None
    delays: tuple[int, ...] = (0,)
    prefill: Path | None = None
    encoder: Path | None = None
    text: TextSpec | None = None
    condition_inputs: tuple[ConditionInput, ...] = ()
    guidance: GuidanceSpec | None = None
    sampling: SamplingSpec = SamplingSpec()
    max_prefix: int = 0
    stop_sequences: tuple[tuple[int, ...], ...] = ()
    constraint: tuple[str, Path] | None = None
    detokenizer: Path | None = None
    finish: FinishSpec | None = None

    @property
    def max_positions(self) -> int:
        """Most decoder steps of one request."""
        return self.cache.lengths[-1]

    @property
    def special(self) -> int:
        """Token of a codebook without a frame."""
        return self.bos if self.pad is None else self.pad


def load_generation(path: Path) -> Generation:
    """Read a description; files are looked up beside it.

    Raises:
        GenerationError: the file is missing or malformed, names an unknown value, or contradicts itself.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise GenerationError(f"{path}: {error}") from error
    try:
        generation = _parse(document, path.parent)
    except (KeyError, TypeError, ValueError) as error:
        raise GenerationError(f"{path}: {type(error).__name__}: {error}") from error
    problems = [*_problems(generation), *_codebook_problems(generation)]
    if problems:
        raise GenerationError(f"{path}: {'; '.join(problems)}")
    return generation


def _parse(document: dict[str, Any], folder: Path) -> Generation:
    if document.get("version") != 1:
        raise ValueError(f"version {document.get('version')!r}, this backend reads version 1")
    decoder, encoder = document["decoder"], document.get("encoder", {})
    constraint, finish = document.get("constraint"), document.get("finish")
    return Generation(
        vocabulary_size=int(document["vocabulary_size"]),
        bos=int(document["bos"]),
        decoder=folder / decoder["graph"],
        cache=_cache(document["cache"]),
        max_tokens=Range(**document["max_tokens"]),
        eos=document.get("eos"),
        pad=document.get("pad"),
        delays=tuple(document.get("codebooks", {}).get("delays", (0,))),
        prefill=folder / decoder["prefill"] if "prefill" in decoder else None,
        encoder=folder / encoder["graph"] if encoder else None,
        text=_text(encoder.get("text"), folder),
        condition_inputs=tuple(
            ConditionInput(**{**spec, "shape": tuple(spec["shape"])}) for spec in document.get("condition_inputs", ())
        ),
        guidance=_guidance(document.get("guidance")),
        sampling=SamplingSpec(**{name: Range(**spec) for name, spec in document.get("sampling", {}).items()}),
        max_prefix=int(document.get("max_prefix", 0)),
        stop_sequences=tuple(tuple(map(int, sequence)) for sequence in document.get("stop_sequences", ())),
        constraint=(constraint["kind"], folder / constraint["file"]) if constraint else None,
        detokenizer=folder / document["detokenizer"] if "detokenizer" in document else None,
        finish=FinishSpec(**{**finish, "graph": folder / finish["graph"]}) if finish else None,
    )


def _cache(document: dict[str, Any]) -> CacheSpec:
    tensors = tuple(CacheTensor(**{**spec, "shape": tuple(spec["shape"])}) for spec in document["tensors"])
    return CacheSpec(tensors, tuple(document["lengths"]), document.get("update", "append"))


def _text(document: dict[str, Any] | None, folder: Path) -> TextSpec | None:
    return TextSpec(**{**document, "tokenizer": folder / document["tokenizer"]}) if document else None


def _guidance(document: dict[str, Any] | None) -> GuidanceSpec | None:
    if document is None:
        return None
    limits = {name: document[name] for name in ("min", "max", "default")}
    others = {name: value for name, value in document.items() if name not in limits}
    return GuidanceSpec(Range(**limits), **others)


def _problems(generation: Generation) -> list[str]:
    cache, guidance, finish = generation.cache, generation.guidance, generation.finish
    longest = generation.max_tokens.max + max(generation.delays, default=0)
    found = [
        (generation.vocabulary_size < 1, f"vocabulary_size {generation.vocabulary_size}"),
        (list(cache.lengths) != sorted({*cache.lengths} - {0}) or not cache.lengths, f"lengths {cache.lengths}"),
        (cache.update not in UPDATES, f"cache update {cache.update!r}"),
        (any(tensor.shape.count(TIME) != 1 for tensor in cache.tensors), 'a cache shape without one axis "time"'),
        (bool(cache.lengths) and longest > cache.lengths[-1], f"max_tokens {longest:g} and delays beyond the cache"),
        (generation.max_tokens.min < 1, f"max_tokens from {generation.max_tokens.min:g}"),
        (generation.text is not None and generation.encoder is None, "text without an encoder"),
        (any(not sequence for sequence in generation.stop_sequences), "an empty stop sequence"),
        (generation.sampling.temperature.min < 0, "temperature below 0"),
        (guidance is not None and guidance.unconditional not in UNCONDITIONALS, "guidance.unconditional"),
        (guidance is not None and guidance.condition_tokens > 0 and guidance.null_token is None, "no null_token"),
        (finish is not None and finish.crossfade > finish.right * finish.hop, "finish.crossfade beyond right · hop"),
        (finish is not None and (finish.hop < 1 or min(finish.chunk, finish.left, finish.right) < 0), "finish"),
    ]
    return [text for wrong, text in found if wrong]


def _codebook_problems(generation: Generation) -> list[str]:
    """What works for one codebook alone, and what several need."""
    several = len(generation.delays) > 1
    found = [
        (not generation.delays or min(generation.delays) != 0, f"codebook delays {generation.delays}"),
        (several and generation.eos is not None, "eos with several codebooks"),
        (several and bool(generation.stop_sequences), "stop_sequences with several codebooks"),
        (several and generation.constraint is not None, "constraint with several codebooks"),
        (several and generation.detokenizer is not None, "detokenizer with several codebooks"),
        (several and generation.sampling.num_beams.max > 1, "num_beams with several codebooks"),
    ]
    return [text for wrong, text in found if wrong]
