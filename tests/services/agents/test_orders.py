from __future__ import annotations

import pytest

from luce.errors import InvalidArgument
from luce.v1 import agents_pb2, media_pb2
from services.agents.orders import candidate_seed, paint_order, seed_of
from services.agents.painting import prompt_count

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
        ("best_of", [0, 9], "1..8"),
        ("frames", [0, 1, 65], "2..64"),
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


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"frames": 4, "n": 2}, "n"),
        ({"frames": 4, "best_of": 2}, "best_of"),
        ({"frames": 4, "animation_format": "avi"}, "animation_format"),
        ({"animation_format": "gif"}, "animation_format"),
    ],
)
def test_what_does_not_go_with_an_animation_is_refused(options: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        paint_order(request(**options))
    assert caught.value.field == field


def test_an_animation_needs_music_to_follow() -> None:
    with pytest.raises(InvalidArgument) as caught:
        paint_order(agents_pb2.PaintRequest(prompt="a", options=agents_pb2.PaintOptions(frames=4)))
    assert caught.value.field == "frames"


def test_an_animation_is_an_mp4_unless_a_gif_is_asked_for() -> None:
    assert paint_order(request(frames=4)).animation_format == "mp4"
    assert paint_order(request(frames=64, n=1, best_of=1, animation_format="gif")).animation_format == "gif"


def test_the_first_candidate_has_the_pictures_own_seed_and_the_others_seeds_of_their_own() -> None:
    seeds = {candidate_seed(seed, candidate) for seed in (0, 7, 8, 2**64 - 1) for candidate in range(8)}
    assert candidate_seed(7, 0) == 7
    assert len(seeds) == 32
    assert all(0 <= seed < 2**64 for seed in seeds)


@pytest.mark.parametrize(
    ("pictures", "candidates", "prompts"), [(1, 1, 1), (1, 4, 4), (2, 3, 6), (3, 8, 6), (4, 4, 8), (8, 8, 8)]
)
def test_candidates_have_prompts_of_their_own_as_far_as_there_are(pictures: int, candidates: int, prompts: int) -> None:
    assert prompt_count(paint_order(request(n=pictures, best_of=candidates))) == prompts


def test_neither_audio_nor_prompt_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        paint_order(agents_pb2.PaintRequest(prompt="  "))
    assert caught.value.field == "prompt"


def test_seeds_count_on_and_wrap_at_64_bits() -> None:
    assert seed_of(7, 3) == 10
    assert seed_of(2**64 - 1, 1) == 0
