"""The stand-in for the ONNX Runtime backend inside of the real Triton."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from luce.errors import InvalidArgument
from luce.server.inference import InferenceClient, InferResult
from tests.fixtures.triton import TritonServer

ROWS: NDArray[Any] = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
INDEX: NDArray[Any] = np.arange(6).reshape(6, 1) % 5


def floats(result: InferResult, name: str) -> NDArray[np.float32]:
    return result.outputs[name].astype(np.float32)


def inputs(rows: slice, index: NDArray[Any] = INDEX) -> dict[str, NDArray[Any]]:
    return {"x": ROWS[rows], "row": index[rows]}


async def test_rows_give_the_same_bytes_alone_and_batched(tiny_inference: InferenceClient) -> None:
    whole = await tiny_inference.infer("tiny_plain", inputs(slice(6)), deadline=10)
    rows = [inputs(slice(i, i + 1)) for i in range(6)]
    together = await asyncio.gather(*(tiny_inference.infer("tiny_plain", row, deadline=10) for row in rows))
    for index, answer in enumerate(together):
        assert answer.outputs["total"].tobytes() == whole.outputs["total"][index : index + 1].tobytes()
        np.testing.assert_allclose(floats(answer, "y"), floats(whole, "y")[index : index + 1], rtol=1e-6)
    assert whole.version == "1"


async def test_concurrent_requests_run_as_one_batch(tiny_triton: TritonServer, tiny_inference: InferenceClient) -> None:
    before = tiny_triton.metric("nv_inference_exec_count", "tiny_plain")
    calls = [tiny_inference.infer("tiny_plain", inputs(slice(1)), deadline=10) for _ in range(8)]
    await asyncio.gather(*calls)
    assert tiny_triton.metric("nv_inference_exec_count", "tiny_plain") - before < 8


async def test_a_broken_request_loses_nobody_elses_answer(tiny_inference: InferenceClient) -> None:
    good, bad = inputs(slice(1)), inputs(slice(1), np.array([[99]]))
    first, broken, last = await asyncio.gather(
        *(tiny_inference.infer("tiny_plain", given, deadline=10) for given in (good, bad, good)),
        return_exceptions=True,
    )
    assert isinstance(broken, InvalidArgument)
    assert not isinstance(first, BaseException)
    assert not isinstance(last, BaseException)
    assert first.outputs["y"].tobytes() == last.outputs["y"].tobytes()


async def test_only_the_wanted_outputs_come_back(tiny_inference: InferenceClient) -> None:
    answer = await tiny_inference.infer("tiny_plain", inputs(slice(6)), deadline=10, outputs=["total"])
    assert list(answer.outputs) == ["total"]
    np.testing.assert_allclose(floats(answer, "total")[:, 0], ROWS.sum(axis=1), rtol=1e-5, atol=1e-6)


async def test_a_wrong_shape_is_an_invalid_argument(tiny_inference: InferenceClient) -> None:
    with pytest.raises(InvalidArgument):
        await tiny_inference.infer("tiny_plain", {"x": ROWS[:, :3], "row": INDEX}, deadline=10)
