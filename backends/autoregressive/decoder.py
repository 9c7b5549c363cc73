"""The decoder's step over slots: one call for the rows of one cache length, at whatever positions they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.autoregressive.errors import GenerationError
from backends.autoregressive.events import Array, FloatArray
from backends.autoregressive.generation import Generation
from backends.autoregressive.graphs import OnnxFunction
from backends.autoregressive.slots import POSITION, TOKENS, Layout

LOGITS = "logits"


class Decoder:
    """The decoder graph.

    Args:
        generation: cache tensors and how they are updated.
        graph: `tokens` (R, K) int64, `position` (R,) int64, cache tensors (R, ...), memory (R, ...) to `logits`
            (R, K, V) and the cache's outputs.

    Raises:
        GenerationError: a tensor is missing, or one of the memory has no fixed shape.
    """

    def __init__(self, generation: Generation, graph: OnnxFunction) -> None:
        cache = generation.cache
        graph.require(
            [TOKENS, POSITION, *(tensor.input for tensor in cache.tensors)],
            [LOGITS, *(tensor.output for tensor in cache.tensors)],
        )
        self._graph = graph
        self._in_place = cache.update == "in_place"
        self._outputs = {tensor.output: tensor.input for tensor in cache.tensors}
        own = {TOKENS, POSITION, *self._outputs.values()}
        if {graph.inputs[TOKENS], graph.inputs[POSITION]} != {np.dtype(np.int64)}:
            raise GenerationError("the decoder's tokens and position are int64")
        memory = {name: graph.shapes[name][1:] for name in graph.inputs if name not in own}
        loose = [name for name, shape in memory.items() if not all(isinstance(size, int) for size in shape)]
        if loose:
            raise GenerationError(f"the decoder's input {', '.join(loose)} needs a fixed shape but for its rows")
        self.layout = Layout(
            codebooks=len(generation.delays),
            cache={tensor: graph.inputs[tensor.input] for tensor in cache.tensors},
            memory={n: (tuple(int(size) for size in shape), graph.inputs[n]) for n, shape in memory.items()},
            idle_token=generation.bos,
        )

    def __call__(self, arrays: Mapping[str, Array]) -> tuple[FloatArray, dict[str, Array]]:
        """One step: (R, K, V) float32 logits, and new cache entries by cache input; none where they are in place."""
        if self._in_place:
            (logits,) = self._graph.update(arrays, [LOGITS], self._outputs)
            return logits.astype(np.float32, copy=False), {}
        logits, *entries = self._graph(arrays, [LOGITS, *self._outputs])
        return logits.astype(np.float32, copy=False), dict(zip(self._outputs.values(), entries, strict=True))


class Prefill:
    """The optional graph that reads a prefix in one call: `tokens` (1, P, K) and memory to the cache's entries.

    Its outputs have the names of the decoder's cache outputs and the shape (1, ...) with P entries on the time axis.
    """

    def __init__(self, generation: Generation, graph: OnnxFunction) -> None:
        self._outputs = {tensor.output: tensor.input for tensor in generation.cache.tensors}
        graph.require([TOKENS], list(self._outputs))
        self._graph = graph

    def __call__(self, tokens: Array, memory: Mapping[str, Array]) -> dict[str, Array]:
        """Entries (..., P, ...) by cache input for the (P, K) tokens of one row."""
        feeds = {TOKENS: tokens[None], **{name: array[None] for name, array in memory.items()}}
        found = self._graph(feeds, list(self._outputs))
        return {name: array[0] for name, array in zip(self._outputs.values(), found, strict=True)}
