"""From a request's words and tensors to what the decoder looks at in every step; the encoder runs once per request.

Each request is encoded alone, texts at full length, so that the result never depends on company.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tokenizers import Tokenizer

from backends.autoregressive.errors import GenerationError
from backends.autoregressive.events import Array
from backends.autoregressive.generation import Generation, TextSpec
from backends.autoregressive.graphs import OnnxFunction
from backends.autoregressive.request import DecodingRequest

Memory = Mapping[str, Array]
"""Decoder inputs of one row, by name, without the batch dimension."""


class TextInput:
    """A tokenizer that pads every text to one length."""

    def __init__(self, spec: TextSpec) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(spec.tokenizer))
        pad = spec.pad_token or "[PAD]"
        pad_id = self._tokenizer.token_to_id(pad)
        if pad_id is None:
            raise GenerationError(f"{spec.tokenizer} has no token {pad!r} to pad with")
        self._tokenizer.enable_truncation(spec.max_length)
        self._tokenizer.enable_padding(length=spec.max_length, pad_id=pad_id, pad_token=pad)

    def __call__(self, text: str) -> dict[str, Array]:
        """`input_ids` and `attention_mask`, each (1, L) int64."""
        encoding = self._tokenizer.encode(text)
        return {
            "input_ids": np.array([encoding.ids], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask], dtype=np.int64),
        }


class Conditioner:
    """Makes the memory of a request's rows.

    Args:
        generation: inputs, and what no negative prompt means.
        encoder: its graph; None where condition inputs go to the decoder as they are.
        wanted: names of the decoder's inputs beside tokens, position and cache.

    Raises:
        GenerationError: nothing provides an input that the decoder wants.
    """

    def __init__(self, generation: Generation, encoder: OnnxFunction | None, wanted: Sequence[str]) -> None:
        self._generation = generation
        self._encoder = encoder
        self._text = TextInput(generation.text) if generation.text else None
        self._encoded = [name for name in wanted if encoder is not None and name in encoder.outputs]
        passed_on = {spec.name for spec in generation.condition_inputs}
        missing = set(wanted) - set(self._encoded) - passed_on
        if missing:
            raise GenerationError(f"nothing provides the decoder's input {', '.join(sorted(missing))}")
        self._passed_on = [name for name in wanted if name not in self._encoded]

    def conditional(self, request: DecodingRequest) -> Memory:
        """Memory of the rows that follow the request."""
        return self._memory(request.prompt, self._conditions(request))

    def unconditional(self, request: DecodingRequest) -> Memory:
        """Memory of the rows that guidance steers away from."""
        guidance = self._generation.guidance
        if request.negative_prompt is None and guidance is not None and guidance.unconditional == "zeros":
            return {name: _nothing(array) for name, array in self.conditional(request).items()}
        nothing = {name: np.zeros_like(array) for name, array in self._conditions(request).items()}
        return self._memory(request.negative_prompt or "", nothing)

    def _conditions(self, request: DecodingRequest) -> dict[str, Array]:
        return {
            spec.name: request.conditions.get(spec.name, np.zeros(spec.shape, np.float32))
            for spec in self._generation.condition_inputs
        }

    def _memory(self, text: str, conditions: Mapping[str, Array]) -> Memory:
        found = {name: conditions[name] for name in self._passed_on}
        if self._encoder is not None and self._encoded:
            feeds = {name: array[None] for name, array in conditions.items()}
            if self._text is not None:
                feeds.update(self._text(text))
            outputs = self._encoder(feeds, self._encoded)
            found.update({name: array[0] for name, array in zip(self._encoded, outputs, strict=True)})
        return found


def _nothing(array: Array) -> Array:
    """Zeros; a mask (whole numbers or truth values) is open instead: attention over zeros is zero, over nothing NaN."""
    return np.zeros_like(array) if np.issubdtype(array.dtype, np.floating) else np.ones_like(array)
