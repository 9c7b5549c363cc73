"""A prefix read in one call is a prefix read token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.autoregressive.decoder import Decoder, Prefill
from backends.autoregressive.engine import Engine
from backends.autoregressive.generation import CacheTensor
from tests.backends.autoregressive.conftest import MakeEngine, alone, generation_of, notes, same, words


class StepByStep:
    """Stands for a prefill graph: the same answer, from the decoder's own steps."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.calls: list[int] = []

    def require(self, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> None:
        assert set(outputs) == {tensor.output for tensor in self._decoder.layout.cache}

    def __call__(self, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> list[NDArray[Any]]:
        tokens = arrays["tokens"][0]
        self.calls.append(len(tokens))
        row = self._decoder.layout.allocate(64, 1) | {"memory": arrays["memory"], "memory_mask": arrays["memory_mask"]}
        for position, step in enumerate(tokens):
            row["tokens"][0], row["position"][0] = step, position
            _, entries = self._decoder(row)
            for tensor in self._decoder.layout.cache:
                by_time(row, tensor)[position] = entries[tensor.input][0]
        cut = [by_time(row, tensor)[: len(tokens)] for tensor in self._decoder.layout.cache]
        return [
            np.moveaxis(entries, 0, tensor.time_axis)[None]
            for entries, tensor in zip(cut, self._decoder.layout.cache, strict=True)
        ]


def by_time(row: Mapping[str, NDArray[Any]], tensor: CacheTensor) -> NDArray[Any]:
    return np.moveaxis(row[tensor.input][0], tensor.time_axis, 0)


def with_prefill(engine: Engine) -> StepByStep:
    graph = StepByStep(engine._parts.decoder)
    prefill = Prefill(generation_of(engine), graph)  # type: ignore[arg-type]
    object.__setattr__(engine._parts, "prefill", prefill)
    return graph


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16])
@pytest.mark.parametrize("values", [{}, {"guidance_scale": 2.0}, {"num_beams": 3}])
def test_words_go_on_alike_after_a_prefix_in_one_call(
    make_engine: MakeEngine, count: int, values: dict[str, Any]
) -> None:
    """The prefixes end before, at and after the end of the shortest cache."""
    request = words(prefix=np.arange(count)[:, None] % 12, max_tokens=14, **values)
    engine = make_engine()
    expected = alone(engine, request)
    graph = with_prefill(engine)
    assert same(alone(engine, request), expected)
    assert graph.calls == [count] * (2 if "guidance_scale" in values else 1)


def test_the_second_row_reads_null_tokens_in_one_call_too(make_engine: MakeEngine) -> None:
    guidance = {"min": 0, "max": 10, "default": 3, "null_token": 12, "condition_tokens": 2}
    engine = make_engine(guidance=guidance)
    request = words(prefix=np.array([[4], [5], [6]]), guidance_scale=4.0)
    expected = alone(engine, request)
    with_prefill(engine)
    assert same(alone(engine, request), expected)


def test_frames_of_codebooks_go_on_alike(make_engine: MakeEngine) -> None:
    request = notes(prefix=np.arange(20).reshape(5, 4) % 9)
    engine = make_engine("player", in_place=False)
    expected = alone(engine, request)
    graph = with_prefill(engine)
    assert same(alone(engine, request), expected)
    assert graph.calls == [5, 5]
