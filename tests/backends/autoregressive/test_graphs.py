"""Graphs that write into their inputs' memory: bound once for each place, read anew each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backends.autoregressive.events import Array
from backends.autoregressive.graphs import MOST_BINDINGS, OnnxFunction
from tests.fixtures.tiny_language import Decoder, write_decoder

LENGTH = 8


@pytest.fixture
def graph(tmp_path: Path) -> OnnxFunction:
    write_decoder(tmp_path / "decoder.onnx", Decoder(in_place=True))
    return OnnxFunction(tmp_path / "decoder.onnx", threads=1)


def arrays(graph: OnnxFunction, rows: int, token: int) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name, shape in graph.shapes.items():
        sizes = [rows, *(size if isinstance(size, int) else LENGTH for size in shape[1:])]
        found[name] = np.zeros(sizes, graph.inputs[name])
    found["tokens"][:], found["memory_mask"][:] = token, 1
    return found


def step(graph: OnnxFunction, given: dict[str, Array]) -> Array:
    (logits,) = graph.update(given, ["logits"], {"present": "cache"})
    return logits


def test_what_lies_in_the_arrays_is_read_at_every_call_and_answers_are_kept(graph: OnnxFunction) -> None:
    given = arrays(graph, 2, 3)
    first = step(graph, given)
    kept = first.copy()
    cached = given["cache"].copy()
    given["tokens"][:] = 7
    second = step(graph, given)
    assert first.tobytes() == kept.tobytes() != second.tobytes()
    assert given["cache"].tobytes() != cached.tobytes()
    assert second.tobytes() == step(graph, arrays(graph, 2, 7)).tobytes()


def test_any_number_of_places_is_bound_and_few_are_remembered(graph: OnnxFunction) -> None:
    places = [arrays(graph, 1 + index % 3, index % 9) for index in range(MOST_BINDINGS + 9)]
    found = [step(graph, given) for given in places]
    assert len(graph._bindings) <= MOST_BINDINGS
    for index, logits in enumerate(found):
        assert logits.tobytes() == step(graph, arrays(graph, 1 + index % 3, index % 9)).tobytes()
