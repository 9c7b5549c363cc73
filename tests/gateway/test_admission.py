"""What may enter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import admission
from gateway.http.painting import paint_request
from gateway.http.request_schemas import ImageOptions
from luce.errors import InvalidArgument
from luce.v1 import agents_pb2

_MOST = 100 * 512 * 512 * 4


def _check(**options: object) -> None:
    request = paint_request(ImageOptions.model_validate({"prompt": "a hill", **options}))
    admission.check_paint(request, _MOST)


@pytest.mark.parametrize(
    ("options", "field", "limit"),
    [
        ({"steps": 0}, "steps", "1..100"),
        ({"steps": 10_000}, "steps", "1..100"),
        ({"steps": -5}, "steps", "1..100"),
        ({"n": 100}, "n", "1..8"),
        ({"n": 0}, "n", "1..8"),
        ({"size": "13x13"}, "width", "192..512, a multiple of 32"),
        ({"width": 200}, "width", "192..512, a multiple of 32"),
        ({"height": 544}, "height", "192..512, a multiple of 32"),
        ({"size": "256 by 256"}, "size", "WIDTHxHEIGHT, each 192..512, a multiple of 32, or auto"),
        ({"size": "256x256", "width": 256}, "size", "one of them"),
        ({"guidance_scale": math.nan}, "guidance_scale", "0..15"),
        ({"guidance_scale": 16}, "guidance_scale", "0..15"),
        ({"seed": -1}, "seed", "0..18446744073709551615"),
        ({"seed": 2**64}, "seed", "0..18446744073709551615"),
        ({"preview_every": 101}, "preview_every", "0..100"),
        ({"prompt": "x" * 1001}, "prompt", "0..1000 characters"),
        ({"negative_prompt": "x" * 1001}, "negative_prompt", "0..1000 characters"),
        ({"prompt": "a\0b"}, "prompt", "no control characters"),
        ({"n": 8, "steps": 100, "size": "512x512"}, "n", f"0..{_MOST}"),
        ({"best_of": 0}, "best_of", "1..8"),
        ({"best_of": 9}, "best_of", "1..8"),
        ({"n": 4, "best_of": 2, "steps": 100, "size": "512x512"}, "n", f"0..{_MOST}"),
        ({"frames": 1}, "frames", "2..64"),
        ({"frames": 65}, "frames", "2..64"),
        ({"frames": 4}, "frames", "with audio"),
        ({"animation_format": "gif"}, "animation_format", "with frames"),
    ],
)
def test_what_is_out_of_range_is_refused_by_field_and_limit(options: dict[str, object], field: str, limit: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        _check(**options)
    assert (refused.value.field, refused.value.limit) == (field, limit)
    assert field in refused.value.message or field == "n"


@pytest.mark.parametrize(
    ("options", "field", "limit"),
    [
        ({"frames": 4, "n": 2}, "n", "1 with frames"),
        ({"frames": 4, "best_of": 2}, "best_of", "1 with frames"),
        ({"frames": 64, "steps": 100}, "frames", f"0..{_MOST}"),
    ],
)
def test_what_does_not_go_with_an_animation_is_refused(options: dict[str, object], field: str, limit: str) -> None:
    request = paint_request(ImageOptions.model_validate(options))
    request.audio.key = "song"
    with pytest.raises(InvalidArgument) as refused:
        admission.check_paint(request, _MOST)
    assert (refused.value.field, refused.value.limit) == (field, limit)


def test_every_candidate_and_every_key_picture_costs_as_much_as_a_picture() -> None:
    one = admission.paint_cost(agents_pb2.PaintOptions())
    assert admission.paint_cost(agents_pb2.PaintOptions(n=2, best_of=4)) == 8 * one
    assert admission.paint_cost(agents_pb2.PaintOptions(frames=12)) == 12 * one


@pytest.mark.parametrize(
    "options", [{}, {"size": "auto"}, {"size": "512x192"}, {"steps": 100, "n": 1}, {"seed": 2**64 - 1}, {"n": 8}]
)
def test_what_is_in_range_is_taken(options: dict[str, object]) -> None:
    _check(**options)


def test_there_must_be_something_to_paint_from() -> None:
    with pytest.raises(InvalidArgument, match="nothing to paint from"):
        admission.check_paint(agents_pb2.PaintRequest(prompt="  \n"), _MOST)


@given(
    steps=st.integers(-10, 200),
    n=st.integers(-2, 12),
    width=st.integers(0, 700),
    height=st.integers(0, 700),
    guidance=st.floats(),
)
def test_whatever_is_taken_is_within_all_limits(steps: int, n: int, width: int, height: int, guidance: float) -> None:
    options = ImageOptions(prompt="a hill", steps=steps, n=n, width=width, height=height, guidance_scale=guidance)
    try:
        request = paint_request(options)
        admission.check_paint(request, _MOST)
    except InvalidArgument:
        return
    assert 1 <= steps <= 100
    assert 1 <= n <= 8
    assert {width % 32, height % 32} == {0}
    assert 0 <= guidance <= 15
    assert admission.paint_cost(request.options) == steps * n * width * height <= _MOST


@pytest.mark.parametrize("key", ["x" * 256, "two\nlines", "schlüssel"])
def test_an_idempotency_key_is_short_printable_ascii(key: str) -> None:
    with pytest.raises(InvalidArgument):
        admission.check_idempotency_key(key)


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, 601.0])
def test_a_timeout_is_finite_and_bounded(seconds: float) -> None:
    with pytest.raises(InvalidArgument, match="timeout_s"):
        admission.check_timeout("timeout_s", seconds, 600)


@pytest.mark.parametrize(
    ("texts", "field"), [([], "input"), (["x"] * 65, "input"), (["a", ""], "input[1]"), (["x" * 8193], "input[0]")]
)
def test_texts_to_embed_are_counted_and_measured(texts: list[str], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        admission.check_texts("input", texts)
    assert refused.value.field == field
