"""The client against the real Triton."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from luce.errors import DeadlineExceeded, InvalidArgument, LuceError, ResourceExhausted, Unavailable
from luce.server.deadline import Deadline
from luce.server.inference import InferenceClient
from luce.server.inference.faults import from_message, from_status
from luce.server.inference.tensors import Array, datatype, from_raw, to_raw
from luce.server.metrics import Metrics
from luce.server.settings import TritonSettings
from tests.fixtures.triton import TritonServer, free_ports

X: dict[str, Array] = {"x": np.ones((1, 4), np.float32), "row": np.zeros((1, 1), np.int64)}
LONG: dict[str, Array] = {
    "prompt": np.array([["red sea"]], np.object_),
    "seed": np.array([[1]], np.uint64),
    "steps": np.array([[2000]], np.int32),
}


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.int64, np.uint8, np.bool_, np.float16, np.uint64]),
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
    )
)
def test_numbers_survive_the_way_there_and_back(array: Array) -> None:
    found = from_raw("x", datatype(array), array.shape, to_raw(array))
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20) | st.text(max_size=10), max_size=5))
def test_bytes_survive_the_way_there_and_back(elements: list[bytes | str]) -> None:
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    found = from_raw("x", "BYTES", array.shape, to_raw(array))
    assert found.tolist() == [element.encode() if isinstance(element, str) else element for element in elements]


def test_a_type_that_the_protocol_lacks_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        datatype(np.zeros(2, np.complex64))


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_status_becomes_one_of_our_errors(code: grpc.StatusCode) -> None:
    assert isinstance(from_status("m", code, "details"), LuceError)


def test_a_message_of_our_backends_tells_code_field_and_limit() -> None:
    error = from_message("m", "INVALID_ARGUMENT: steps is 0, allowed 1..100 [field=steps limit=1..100]")
    assert isinstance(error, InvalidArgument)
    assert (error.message, error.field, error.limit) == ("steps is 0, allowed 1..100", "steps", "1..100")
    assert isinstance(from_message("m", "RESOURCE_EXHAUSTED: full"), ResourceExhausted)
    assert isinstance(from_message("m", "DEADLINE_EXCEEDED: late"), DeadlineExceeded)


def test_a_full_queue_of_triton_is_resource_exhausted() -> None:
    details = "[request id: <id_unknown>] Exceeds maximum queue size"
    assert isinstance(from_status("m", grpc.StatusCode.UNAVAILABLE, details), ResourceExhausted)


async def test_readiness_names_the_models_that_are_missing(tiny_inference: InferenceClient) -> None:
    await tiny_inference.ready(["tiny_flow", "tiny_plain"])
    with pytest.raises(Unavailable, match="not ready: other"):
        await tiny_inference.ready(["tiny_flow", "other"])


async def test_a_model_tells_its_tensors(tiny_inference: InferenceClient) -> None:
    info = await tiny_inference.model_info("tiny_plain")
    assert info.versions == ("1",)
    assert info.inputs == {"x": ("FP32", (-1, 4)), "row": ("INT64", (-1, 1))}


async def test_an_unknown_model_is_unavailable(tiny_inference: InferenceClient) -> None:
    with pytest.raises(Unavailable, match="nobody is not loaded"):
        await tiny_inference.infer("nobody", X, deadline=5)
    with pytest.raises(Unavailable, match="nobody is not loaded"):
        await anext(tiny_inference.stream("nobody", X, deadline=5))


async def test_a_server_that_is_away_is_unavailable() -> None:
    client = InferenceClient(TritonSettings(url=f"127.0.0.1:{free_ports(1)[0]}", channels=1))
    for call in (client.infer("m", X, deadline=5), client.ready(["m"]), anext(client.stream("m", X, deadline=5))):
        with pytest.raises(Unavailable):
            await call
    await client.close()


async def test_the_deadline_of_the_request_being_served_holds(tiny_inference: InferenceClient) -> None:
    async def consume() -> None:
        async with Deadline.after(0.05).enforce("the request"):
            async for _ in tiny_inference.stream("tiny_flow", LONG, deadline=60):
                pass

    with pytest.raises(DeadlineExceeded):
        await consume()
    with Deadline.after(-1).apply(), pytest.raises(DeadlineExceeded):
        await tiny_inference.infer("tiny_plain", X, deadline=60)


async def test_cancelling_the_task_ends_the_stream(tiny_inference: InferenceClient) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in tiny_inference.stream("tiny_flow", LONG, deadline=60):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_calls_are_counted_by_model_and_code(tiny_triton: TritonServer) -> None:
    metrics = Metrics()
    client = InferenceClient(tiny_triton.settings, metrics)
    await client.infer("tiny_plain", X, deadline=5)
    with pytest.raises(InvalidArgument):
        await client.infer("tiny_plain", {}, deadline=5)
    await client.close()
    text = metrics.exposition().decode()
    assert 'luce_inference_requests_total{code="ok",model="tiny_plain"} 1.0' in text
    assert 'luce_inference_requests_total{code="invalid_argument",model="tiny_plain"} 1.0' in text


async def test_a_restarted_server_is_found_again(tiny_repository: Path, tmp_path: Path) -> None:
    server = TritonServer(tiny_repository, tmp_path, models=["tiny_plain"])
    server.start()
    client = InferenceClient(server.settings)
    before = await client.infer("tiny_plain", X, deadline=5)
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(5)
    with pytest.raises(Unavailable):
        await client.infer("tiny_plain", X, deadline=5)
    server.start()
    async with asyncio.timeout(20):
        while True:
            try:
                after = await client.infer("tiny_plain", X, deadline=5)
                break
            except Unavailable:
                await asyncio.sleep(0.1)
    assert after.outputs["y"].tobytes() == before.outputs["y"].tobytes()
    await client.close()
    server.stop()
