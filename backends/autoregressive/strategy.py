"""The way of deciding tokens that a request asks for."""

from __future__ import annotations

from backends.autoregressive.beams import BeamSearch
from backends.autoregressive.constraints import Constraint
from backends.autoregressive.drawing import Sampled
from backends.autoregressive.generation import Generation
from backends.autoregressive.pattern import Pattern
from backends.autoregressive.request import DecodingRequest
from backends.autoregressive.search import Rules, Search


def begin(generation: Generation, request: DecodingRequest, constraint: Constraint | None) -> Search:
    """The search that a request asks for. Raises `RequestFailed` where its prefix does not fit the constraint."""
    pattern = Pattern(generation.delays, generation.special, request.prefix, request.max_tokens)
    rules = Rules(generation, request, constraint)
    kind = BeamSearch if request.num_beams > 1 else Sampled
    return kind(pattern, generation.bos, rules, request)
