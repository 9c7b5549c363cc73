from __future__ import annotations

import pytest

from luce.errors import InvalidArgument
from luce.v1 import agents_pb2, media_pb2
from services.agents.orders import paint_order, seed_of

AUDIO = media_pb2.BlobRef(key="k")


def request(**options: object) -> agents_pb2.PaintRequest:
    return agents_pb2.PaintRequest(audio=AUDIO, options=agents_pb2.PaintOptions(**options))  # type: ignore[arg-type]


def test_what_is_left_open_is_left_to_the_model() -> None:
    order = paint_order(agents_pb2.PaintRequest(prompt="a dancer"))
    assert (order.count, order.steps, order.guidance_scale, order.width, order.height) == (1, None, None, None, None)
    assert order.audio_key == ""


@pytest.mark.parametrize(
    ("field", "values", "limit"),
    [
        ("steps", [0, 101, 10_000], "1..100"),
        ("n", [0, 9, 100], "1..8"),
        ("guidance_scale", [-0.5, 15.5, float("nan"), float("inf")], "0..15"),
        ("width", [0, 13, 160, 250, 544], "192..512, a multiple of 32"),
        ("height", [0, 13, 160, 250, 544], "192..512, a multiple of 32"),
        ("preview_every", [101], "0..100"),
        ("negative_prompt", ["x" * 1001], "1000 characters"),
    ],
)
def test_a_field_out_of_its_range_is_named_with_the_range(field: str, values: list[object], limit: str) -> None:
    for value in values:
        with pytest.raises(InvalidArgument) as caught:
            paint_order(request(**{field: value}))
        assert (caught.value.field, caught.value.limit) == (field, limit)


@pytest.mark.parametrize(("field", "values"), [("steps", [1, 100]), ("n", [1, 8]), ("width", [192, 512])])
def test_the_ends_of_the_ranges_are_allowed(field: str, values: list[int]) -> None:
    for value in values:
        paint_order(request(**{field: value}))


def test_neither_audio_nor_prompt_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        paint_order(agents_pb2.PaintRequest(prompt="  "))
    assert caught.value.field == "prompt"


def test_seeds_count_on_and_wrap_at_64_bits() -> None:
    assert seed_of(7, 3) == 10
    assert seed_of(2**64 - 1, 1) == 0
