"""The diffusion backend inside of the real Triton."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from luce.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted
from luce.server.inference import InferenceClient, InferResult
from tests.fixtures.triton import TritonServer

DTYPES: dict[str, Any] = {"seed": np.uint64, "guidance_scale": np.float32}


def order(**values: Any) -> dict[str, NDArray[Any]]:
    given = {"prompt": "red sea", "seed": 7, **values}
    return {
        name: np.array([[value]], np.object_ if isinstance(value, str) else DTYPES.get(name, np.int32))
        for name, value in given.items()
        if value is not None
    }


async def run(
    client: InferenceClient, model: str = "tiny_flow", deadline: float = 30, **values: Any
) -> list[InferResult]:
    return [answer async for answer in client.stream(model, order(**values), deadline=deadline)]


def picture(answers: list[InferResult]) -> bytes:
    return answers[-1].outputs["image"].tobytes()


def kinds(answers: list[InferResult]) -> list[str]:
    return [answer.outputs["kind"].item().decode() for answer in answers]


async def test_a_request_reports_every_step_and_ends_with_a_picture(tiny_inference: InferenceClient) -> None:
    answers = await run(tiny_inference, steps=5, preview_every=2, width=40, height=24)
    assert kinds(answers) == ["progress", "preview", "progress", "preview", "final"]
    assert [answer.outputs["step"].item() for answer in answers] == [1, 2, 3, 4, 5]
    assert [answer.final for answer in answers] == [False] * 4 + [True]
    assert answers[1].outputs["image"].shape == (1, 6, 10, 3)
    assert answers[-1].outputs["image"].shape == (1, 24, 40, 3)
    assert answers[-1].outputs["denoise_us"].item() > 0


async def test_the_same_request_gives_the_same_bytes_alone_and_in_company(tiny_inference: InferenceClient) -> None:
    alone = picture(await run(tiny_inference, steps=6))
    others = [
        run(
            tiny_inference,
            seed=seed,
            steps=3 + seed,
            guidance_scale=[None, 1.0, 0.0][seed % 3],
            width=[None, 24][seed % 2],
        )
        for seed in range(10)
    ]
    together = await asyncio.gather(*others[:5], run(tiny_inference, steps=6), *others[5:])
    assert picture(together[5]) == alone
    assert len({picture(answers) for answers in together}) == 11


async def test_a_short_request_leaves_before_a_long_one_that_came_earlier(tiny_inference: InferenceClient) -> None:
    ended: list[str] = []

    async def watch(name: str, steps: int) -> None:
        await run(tiny_inference, steps=steps)
        ended.append(name)

    long = asyncio.create_task(watch("long", 1500))
    async with aclosing(tiny_inference.stream("tiny_flow", order(steps=1500), deadline=30)) as other:
        await anext(other)
        await watch("short", 3)
    await long
    assert ended == ["short", "long"]


async def test_leaving_a_stream_frees_the_place_for_others(tiny_inference: InferenceClient) -> None:
    """16 places, 8 of them running: without freeing, the requests that come after would be refused."""
    for _ in range(3):
        streams = [tiny_inference.stream("tiny_flow", order(seed=seed, steps=2000), deadline=30) for seed in range(8)]
        for stream in streams:
            await anext(stream)
        for stream in streams:
            await stream.aclose()
    others = await asyncio.gather(*(run(tiny_inference, seed=seed, steps=2) for seed in range(12)))
    assert all(kinds(answers)[-1] == "final" for answers in others)


async def test_a_missing_seed_is_an_invalid_argument(tiny_inference: InferenceClient) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await run(tiny_inference, seed=None)
    assert caught.value.field == "seed"


async def test_what_is_beyond_the_limits_is_refused_and_the_rest_is_served(tiny_inference: InferenceClient) -> None:
    runs = [run(tiny_inference, seed=seed, steps=400) for seed in range(24)]
    outcomes = await asyncio.gather(*runs, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ResourceExhausted)]
    served = [outcome for outcome in outcomes if isinstance(outcome, list)]
    assert len(refused) + len(served) == 24
    assert len(refused) >= 1
    assert len(served) >= 16
    assert refused[0].retry_after is not None


@pytest.mark.parametrize(
    ("values", "field", "limit"),
    [
        ({"steps": 0}, "steps", "1..2000"),
        ({"steps": 10_000}, "steps", "1..2000"),
        ({"width": 13}, "width", "16..64 in multiples of 8"),
        ({"height": 72}, "height", "16..64 in multiples of 8"),
        ({"guidance_scale": float("nan")}, "guidance_scale", "0..15"),
        ({"guidance_scale": -1.0}, "guidance_scale", "0..15"),
        ({"scheduler": "magic"}, "scheduler", "flow_match_euler"),
        ({"adapter": "unknown"}, "adapter", "bold"),
        ({"preview_every": -1}, "preview_every", "0..2000"),
        ({"prompt": "x" * 9000}, "prompt", "0..8192 bytes"),
    ],
)
async def test_a_bad_value_names_its_field_and_range(
    tiny_inference: InferenceClient, values: dict[str, Any], field: str, limit: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await run(tiny_inference, **values)
    assert (caught.value.field, caught.value.limit) == (field, limit)


async def test_the_deadline_ends_a_running_request(tiny_inference: InferenceClient) -> None:
    with pytest.raises(DeadlineExceeded):
        await run(tiny_inference, steps=2000, deadline=0.05)
    assert kinds(await run(tiny_inference, steps=1)) == ["final"]


async def test_adapters_and_guidance_change_the_picture(tiny_inference: InferenceClient) -> None:
    pictures = await asyncio.gather(
        run(tiny_inference),
        run(tiny_inference, adapter="bold"),
        run(tiny_inference, guidance_scale=1.0),
        run(tiny_inference, negative_prompt="blue night"),
    )
    assert len({picture(answers) for answers in pictures}) == 4


async def test_a_model_in_the_shape_of_sdxl_is_served(tiny_inference: InferenceClient) -> None:
    answers = await run(tiny_inference, "tiny_sdxl", preview_every=2)
    assert kinds(answers) == ["progress", "preview", "progress", "preview", "final"]
    assert answers[-1].outputs["image"].shape == (1, 32, 32, 3)
    none, empty = await run(tiny_inference, "tiny_sdxl"), await run(tiny_inference, "tiny_sdxl", negative_prompt="")
    assert picture(none) != picture(empty)
    assert picture(answers) == picture(none)
    assert kinds(await run(tiny_inference, "tiny_sdxl", scheduler="ddim", steps=2)) == ["progress", "final"]


@pytest.mark.parametrize("scheduler", ["ddim", "dpm_multistep", "ddpm"])
@pytest.mark.parametrize(("model", "shape"), [("tiny_embedding", (1, 8)), ("tiny_sequence", (1, 3, 8))])
async def test_a_diffusion_over_embeddings_is_served(
    tiny_inference: InferenceClient, model: str, shape: tuple[int, ...], scheduler: str
) -> None:
    async def embedding(seed: int) -> bytes:
        inputs = order(prompt=None, seed=seed, scheduler=scheduler)
        inputs |= {"image_embed": np.linspace(-1, 1, 6, dtype=np.float32)[None]}
        *_, last = [answer async for answer in tiny_inference.stream(model, inputs, deadline=30)]
        found = last.outputs["embedding"]
        assert found.shape == shape
        np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0, rtol=1e-5)
        return found.tobytes()

    alone = await embedding(1)
    together = await asyncio.gather(*(embedding(seed) for seed in range(4)))
    assert together[1] == alone
    assert len(set(together)) == 4


async def test_requests_in_flight_share_denoiser_calls(
    tiny_triton: TritonServer, tiny_inference: InferenceClient
) -> None:
    """Executions of Triton grow with steps, not with steps times requests, although optional inputs differ."""
    before = tiny_triton.metric("nv_inference_exec_count", "tiny_flow")
    await asyncio.gather(*(run(tiny_inference, steps=200, adapter=["", None][seed % 2]) for seed in range(8)))
    executions = tiny_triton.metric("nv_inference_exec_count", "tiny_flow") - before
    assert executions < 8 * 200
