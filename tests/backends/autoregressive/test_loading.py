"""What is refused when a model is loaded, and what its configuration may say; prefixes by a graph of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.autoregressive.errors import GenerationError
from backends.autoregressive.generation import load_generation
from backends.autoregressive.loading import Options, load_engine
from tests.backends.autoregressive.conftest import MakeFolder
from tests.fixtures.tiny_language import Decoder, cache

CACHE = cache(Decoder(), [64])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 2"),
        ({"vocabulary_size": 0}, "vocabulary_size 0"),
        ({"bos": None}, "TypeError"),
        ({"cache": {**CACHE, "lengths": [16, 8]}}, "lengths"),
        ({"cache": {**CACHE, "lengths": []}}, "lengths"),
        ({"cache": {**CACHE, "lengths": [16]}}, "beyond the cache"),
        ({"cache": {**CACHE, "update": "magic"}}, "cache update 'magic'"),
        ({"cache": {**CACHE, "tensors": [{"input": "keys0", "output": "no", "shape": ["time"]}]}}, "no tensor no"),
        ({"cache": {**CACHE, "tensors": [{"input": "a", "output": "b", "shape": [2]}]}}, "axis"),
        ({"decoder": {"graph": "encoder.onnx"}}, "no tensor"),
        ({"decoder": {"graph": "missing.onnx"}}, "no ONNX graph"),
        ({"encoder": {"graph": "decoder.onnx"}}, "nothing provides"),
        ({"guidance": {"min": 0, "max": 1, "default": 1, "unconditional": "noise"}}, "guidance.unconditional"),
        ({"guidance": {"min": 0, "max": 1, "default": 1, "condition_tokens": 2}}, "no null_token"),
        ({"sampling": {"num_beams": {"min": 1, "max": 9, "default": 1}}}, "may have 18 rows"),
        ({"codebooks": {"delays": [0, 1]}}, "eos with several codebooks"),
        ({"codebooks": {"delays": [1]}}, "codebook delays"),
        ({"stop_sequences": [[]]}, "empty stop sequence"),
        ({"constraint": {"kind": "magic", "file": "x.npz"}}, "no constraint 'magic'"),
        ({"constraint": {"kind": "automaton", "file": "x.npz"}}, "no table"),
        ({"finish": {"graph": "x", "input": "a", "output": "b", "hop": 2, "right": 1, "crossfade": 3}}, "crossfade"),
    ],
)
def test_a_broken_description_is_refused_with_its_reason(
    make_folder: MakeFolder, changes: dict[str, Any], words: str
) -> None:
    folder = make_folder("writer", **changes)
    with pytest.raises((GenerationError, FileNotFoundError), match=words):
        load_engine(folder, Options(threads=1))


def test_a_missing_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"generation\.json"):
        load_generation(tmp_path / "generation.json")


def parameters(**values: str) -> str:
    return json.dumps({"parameters": {name: {"string_value": value} for name, value in values.items()}})


def test_parameters_of_the_configuration_are_read() -> None:
    options = Options.parse(parameters(max_rows="4", max_running="3", max_waiting="0", intra_op_thread_count="2"))
    assert (options.max_rows, options.limits.rows, options.limits.waiting, options.threads) == (4, 3, 0, 2)
    assert Options.parse("{}") == Options()


@pytest.mark.parametrize("values", [{"max_rows": "0"}, {"max_running": "0"}, {"max_waiting": "x"}])
def test_parameters_without_sense_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(GenerationError):
        Options.parse(parameters(**values))


def test_the_first_request_passes_a_constraint_on_its_condition_tokens(make_folder: MakeFolder) -> None:
    """Warming up has to bring a prefix that the grammar lets come."""
    guidance = {"min": 0, "max": 5, "default": 2, "null_token": 12, "condition_tokens": 2}
    folder = make_folder("writer", guidance=guidance, constraint={"kind": "automaton", "file": "grammar.npz"})
    table = np.full((3, 12), -1)
    table[0, 4], table[1, 6], table[2] = 1, 2, 2
    np.savez(folder / "grammar.npz", next_state=table)
    engine, generation, _ = load_engine(folder, Options(threads=1))
    assert len(engine) == 0
    assert generation.guidance is not None
