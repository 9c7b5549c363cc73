"""Requests read from tensors: defaults, ranges, and the field that an error names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backends.autoregressive.errors import RequestFailed
from backends.autoregressive.generation import Generation, load_generation
from backends.autoregressive.request import parse_request
from tests.backends.autoregressive.conftest import MakeFolder


@pytest.fixture(scope="module")
def writer(make_folder: MakeFolder) -> Generation:
    return load_generation(make_folder("writer") / "generation.json")


@pytest.fixture(scope="module")
def player(make_folder: MakeFolder) -> Generation:
    return load_generation(make_folder("player") / "generation.json")


def tensors(**values: Any) -> dict[str, Any]:
    given = {"prompt": b"red", "seed": 1, **values}
    return {
        name: value if isinstance(value, np.ndarray) else np.array([[value]], dtype=object)
        for name, value in given.items()
        if value is not None
    }


def test_what_is_left_out_is_the_default_of_the_model(writer: Generation) -> None:
    request = parse_request(tensors(), writer, 5)
    assert (request.max_tokens, request.temperature, request.top_k, request.top_p) == (12, 1.0, 0, 1.0)
    assert (request.num_beams, request.guidance_scale, request.negative_prompt) == (1, 1.0, None)
    assert request.prefix.shape == (0, 1)
    assert request.timeout_us == 5


@pytest.mark.parametrize("values", [{"temperature": 0.0}, {"num_beams": 3}])
def test_a_seed_is_needed_only_where_it_matters(writer: Generation, values: dict[str, Any]) -> None:
    assert parse_request(tensors(seed=None, **values), writer).seed == 0
    with pytest.raises(RequestFailed, match="field=seed"):
        parse_request(tensors(seed=None), writer)


def test_prefixes_are_tokens_or_frames(writer: Generation, player: Generation) -> None:
    sound = np.zeros((1, 4, 3), np.float32)
    assert parse_request(tensors(prefix=np.array([[3, 4]], np.int32)), writer).prefix.tolist() == [[3], [4]]
    frames = np.arange(8, dtype=np.int32).reshape(1, 2, 4)
    assert parse_request(tensors(prefix=frames, sound=sound), player).prefix.tolist() == frames[0].tolist()


def test_stop_sequences_are_rows_padded_with_minus_one(writer: Generation) -> None:
    request = parse_request(tensors(stop=np.array([[[3, 4], [5, -1]]], np.int32)), writer)
    assert request.stop_sequences == ((3, 4), (5,))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": b"\xff"}, "prompt"),
        ({"prompt": b"x" * 9000}, "prompt"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 65}, "max_tokens"),
        ({"max_tokens": 60, "prefix": np.zeros((1, 5), np.int32)}, "max_tokens"),
        ({"min_tokens": 13}, "min_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_k": 13}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"num_beams": 5}, "num_beams"),
        ({"guidance_scale": 11.0}, "guidance_scale"),
        ({"preview_every": -1}, "preview_every"),
        ({"seed": np.zeros((1, 2))}, "seed"),
        ({"prefix": np.zeros((1, 17), np.int32)}, "prefix"),
        ({"prefix": np.full((1, 2), 12, np.int32)}, "prefix"),
        ({"prefix": np.full((1, 2), -1, np.int32)}, "prefix"),
        ({"prefix": np.zeros((1, 2, 4), np.int32)}, "prefix"),
        ({"stop": np.full((1, 1, 2), -1, np.int32)}, "stop"),
        ({"stop": np.full((1, 17, 2), 1, np.int32)}, "stop"),
        ({"stop": np.full((1, 1, 1), 99, np.int32)}, "stop"),
    ],
)
def test_a_bad_value_names_its_field(writer: Generation, values: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestFailed) as caught:
        parse_request(tensors(**values), writer)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert f"[field={field} limit=" in caught.value.message


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sound": None}, "sound"),
        ({"sound": np.zeros((1, 3, 4), np.float32)}, "sound"),
        ({"sound": np.full((1, 4, 3), np.nan, np.float32)}, "sound"),
        ({"max_tokens": 58, "prefix": np.zeros((1, 4, 4), np.int32)}, "max_tokens"),
        ({"num_beams": 2}, "num_beams"),
        ({"stop": np.full((1, 1, 1), 1, np.int32)}, "stop"),
    ],
)
def test_a_bad_value_of_the_player_names_its_field(player: Generation, values: dict[str, Any], field: str) -> None:
    given = {"sound": np.zeros((1, 4, 3), np.float32), **values}
    with pytest.raises(RequestFailed, match=rf"field={field} "):
        parse_request(tensors(**given), player)


def test_conditions_are_copies(player: Generation) -> None:
    """The server takes its memory back as soon as the request is handed over."""
    sound = np.zeros((1, 4, 3), np.float32)
    request = parse_request(tensors(sound=sound), player)
    sound[:] = 1
    assert not request.conditions["sound"].any()
