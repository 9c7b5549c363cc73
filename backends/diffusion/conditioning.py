"""From a request's words to the denoiser's inputs: tokenizers, one or several text encoders, a cache of embeddings.

Each text is encoded alone and padded to its encoder's full length, so that its embedding never depends on company.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from backends.diffusion.errors import PipelineError
from backends.diffusion.graphs import OnnxFunction
from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import Pipeline, TextEncoderSpec
from backends.diffusion.request import GenerationRequest

HIDDEN_STATES = "encoder_hidden_states"
MASK = "encoder_attention_mask"
POOLED = "text_embeds"
TIME_IDS = "time_ids"

Conditions = Mapping[str, npt.NDArray[np.generic]]
"""Denoiser inputs of one row, by name, without the batch dimension."""


class TextEncoder:
    """A tokenizer and its graph."""

    def __init__(self, spec: TextEncoderSpec, graph: OnnxFunction) -> None:
        graph.require(["input_ids"], [name for name in (spec.hidden_states, spec.pooled) if name])
        self._spec = spec
        self._graph = graph
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(spec.tokenizer))
        pad = spec.pad_token or (self._tokenizer.padding or {}).get("pad_token") or "[PAD]"
        pad_id = self._tokenizer.token_to_id(pad)
        if pad_id is None:
            raise PipelineError(f"{spec.tokenizer} has no token {pad!r} to pad with")
        self._tokenizer.enable_truncation(spec.max_length)
        self._tokenizer.enable_padding(length=spec.max_length, pad_id=pad_id, pad_token=pad)

    def encode(self, text: str) -> tuple[FloatArray, FloatArray | None, npt.NDArray[np.int64]]:
        """Hidden states (L, D), pooled embedding (P,) where the encoder has one, attention mask (L,)."""
        encoding = self._tokenizer.encode(text)
        mask = np.array(encoding.attention_mask, dtype=np.int64)
        feeds = {"input_ids": np.array([encoding.ids], dtype=np.int64), "attention_mask": mask[None]}
        names = [self._spec.hidden_states, *([self._spec.pooled] if self._spec.pooled else [])]
        found = self._graph(feeds, names)
        return found[0][0], found[1][0] if len(found) > 1 else None, mask


class Conditioner:
    """Builds the conditional and the unconditional row of a request.

    Args:
        pipeline: what no negative prompt means, and which tensors are passed on.
        encoders: text encoders in the pipeline's order.
        wanted: names of the denoiser's inputs.
        cache_size: how many texts' embeddings are kept; the least recently used goes first.
    """

    def __init__(
        self, pipeline: Pipeline, encoders: Sequence[TextEncoder], wanted: Sequence[str], *, cache_size: int = 128
    ) -> None:
        self._pipeline = pipeline
        self._encoders = encoders
        self._wanted = frozenset(wanted)
        self._cache_size = cache_size
        self._cache: OrderedDict[str, Conditions] = OrderedDict()
        self.encoded = 0
        """How many texts were encoded, rather than found in the cache."""

    def conditional(self, request: GenerationRequest) -> Conditions:
        """Inputs of the row that follows the prompt."""
        return self._row(request, lambda: self._text(request.prompt), request.conditions)

    def unconditional(self, request: GenerationRequest) -> Conditions:
        """Inputs of the row that guidance steers away from: the negative prompt, or what stands for none."""
        nothing = {name: np.zeros_like(array) for name, array in request.conditions.items()}
        return self._row(request, lambda: self._negative(request.negative_prompt), nothing)

    def _row(
        self, request: GenerationRequest, text: Callable[[], Conditions], passed_on: Mapping[str, FloatArray]
    ) -> Conditions:
        row: dict[str, npt.NDArray[np.generic]] = dict(passed_on)
        if self._encoders:
            row.update(text())
        # Stable Diffusion XL's micro-conditioning: original size, crop and target size, height first.
        row[TIME_IDS] = np.array([request.height, request.width, 0, 0, request.height, request.width], dtype=np.float32)
        return {name: array for name, array in row.items() if name in self._wanted}

    def _negative(self, text: str | None) -> Conditions:
        if text is None and self._pipeline.negative_prompt == "zeros":
            empty = self._text("")
            return {name: array if name == MASK else np.zeros_like(array) for name, array in empty.items()}
        return self._text(text or "")

    def _text(self, text: str) -> Conditions:
        if text in self._cache:
            self._cache.move_to_end(text)
            return self._cache[text]
        parts = [encoder.encode(text) for encoder in self._encoders]
        self.encoded += 1
        found: dict[str, npt.NDArray[np.generic]] = {
            HIDDEN_STATES: np.concatenate([hidden for hidden, _, _ in parts], axis=-1),
            MASK: parts[0][2],
        }
        pooled = [embedding for _, embedding, _ in parts if embedding is not None]
        if pooled:
            found[POOLED] = pooled[-1]
        self._cache[text] = found
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return found
