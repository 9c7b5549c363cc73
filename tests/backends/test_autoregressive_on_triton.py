"""The autoregressive backend inside of the real Triton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from luce.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unavailable
from luce.server.inference import InferenceClient, InferResult
from tests.fixtures.tiny_language import MEMORY, write_player, write_writer
from tests.fixtures.triton import TritonServer

DTYPES: dict[str, Any] = {
    "seed": np.uint64,
    "temperature": np.float32,
    "top_p": np.float32,
    "guidance_scale": np.float32,
    "length_penalty": np.float32,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A server with the tiny text model and the tiny model of codebooks."""
    repository = tmp_path_factory.mktemp("tiny_language")
    write_writer(repository / "writer")
    write_writer(repository / "long_writer", positions=2048, eos=None)
    write_player(repository / "player")
    found = TritonServer(repository, tmp_path_factory.mktemp("triton"), env={"LUCE_TRITON_THREADS": "1"})
    found.start()
    yield found
    found.stop()


@pytest.fixture
async def client(server: TritonServer) -> AsyncIterator[InferenceClient]:
    found = InferenceClient(server.settings)
    yield found
    await found.close()


def order(**values: Any) -> dict[str, NDArray[Any]]:
    given = {"prompt": "red sea", "seed": 7, **values}
    return {
        name: value
        if isinstance(value, np.ndarray)
        else np.array([[value]], np.object_ if isinstance(value, str) else DTYPES.get(name, np.int32))
        for name, value in given.items()
        if value is not None
    }


def tune(seed: int = 7, **values: Any) -> dict[str, NDArray[Any]]:
    sound = np.linspace(-1, 1, MEMORY * 3, dtype=np.float32).reshape(1, MEMORY, 3)
    return order(prompt=None, sound=sound, seed=seed, **values)


async def run(
    client: InferenceClient, inputs: dict[str, NDArray[Any]], model: str = "writer", deadline: float = 30
) -> list[InferResult]:
    return [answer async for answer in client.stream(model, inputs, deadline=deadline)]


def tokens(answers: list[InferResult]) -> list[Any]:
    found: list[Any] = answers[-1].outputs["tokens"][0].tolist()
    return found


def kinds(answers: list[InferResult]) -> list[str]:
    return [answer.outputs["kind"].item().decode() for answer in answers]


async def test_a_request_streams_its_tokens_and_ends_with_all_of_them(client: InferenceClient) -> None:
    answers = await run(client, order(max_tokens=9, min_tokens=9, preview_every=2))
    *partials, last = answers
    assert set(kinds(partials)) <= {"partial"}
    assert [answer.final for answer in answers] == [False] * len(partials) + [True]
    assert last.outputs["finish_reason"].item() == b"length"
    assert last.outputs["count"].item() == last.outputs["total"].item() == 9
    streamed = [token for answer in partials for token in answer.outputs["tokens"][0].tolist()]
    assert streamed == tokens(answers)[: len(streamed)]
    assert last.outputs["log_probability"].item() < 0
    assert last.outputs["decode_us"].item() > 0


async def test_the_result_is_told_as_text_too(client: InferenceClient) -> None:
    answers = await run(client, order(temperature=0.0, max_tokens=4, min_tokens=4))
    text = answers[-1].outputs["text"].item().decode()
    assert isinstance(text, str)
    assert len(text.split()) <= 4


async def test_the_same_request_gives_the_same_tokens_alone_and_in_company(client: InferenceClient) -> None:
    alone = tokens(await run(client, order(max_tokens=30)))
    others = [
        run(client, order(seed=seed, max_tokens=3 + 2 * seed, guidance_scale=[None, 2.0][seed % 2]))
        for seed in range(10)
    ]
    together = await asyncio.gather(*others[:5], run(client, order(max_tokens=30)), *others[5:])
    assert tokens(together[5]) == alone
    assert len({str(tokens(answers)) for answers in together}) > 5


async def test_beams_guidance_and_a_prefix_are_read(client: InferenceClient) -> None:
    whole: dict[str, Any] = {"prompt": "storm", "max_tokens": 12, "min_tokens": 12}
    plain, guided, greedy, beams = await asyncio.gather(
        run(client, order(**whole)),
        run(client, order(**whole, guidance_scale=5.0, negative_prompt="calm night")),
        run(client, order(**whole, temperature=0.0)),
        run(client, order(**whole, num_beams=4, seed=None)),
    )
    assert tokens(plain) != tokens(guided)
    assert beams[-1].outputs["log_probability"].item() > greedy[-1].outputs["log_probability"].item()
    prefix = np.array([tokens(greedy)[:7]], np.int32)
    rest = await run(client, order(**whole | {"max_tokens": 5, "min_tokens": 5}, temperature=0.0, prefix=prefix))
    assert tokens(rest) == tokens(greedy)[7:]


async def test_a_stop_sequence_ends_the_tokens(client: InferenceClient) -> None:
    free = tokens(await run(client, order(max_tokens=12, min_tokens=12)))
    stop = np.array([[free[3:5]]], np.int32)
    answers = await run(client, order(max_tokens=12, min_tokens=12, stop=stop))
    found = tokens(answers)
    assert answers[-1].outputs["finish_reason"].item() == b"stop"
    assert found == free[: len(found)]
    assert len(found) <= 3


async def test_four_codebooks_with_delays_become_audio_in_chunks(client: InferenceClient) -> None:
    answers = await run(client, tune(max_tokens=13, preview_every=3), "player")
    last = answers[-1].outputs
    assert last["tokens"].shape == (1, 13, 4)
    assert last["media"].shape == (1, 1, 13 * 6)
    chunks = [answer.outputs["media"] for answer in answers[:-1] if "media" in answer.outputs]
    assert np.concatenate(chunks, axis=-1).tobytes() == last["media"].tobytes()
    again = await asyncio.gather(*(run(client, tune(seed, max_tokens=13), "player") for seed in (1, 7, 2)))
    assert again[1][-1].outputs["media"].tobytes() == last["media"].tobytes()
    assert len({answers[-1].outputs["media"].tobytes() for answers in again}) == 3


async def test_leaving_a_stream_frees_the_place_for_others(client: InferenceClient) -> None:
    """16 places: without freeing, the requests that come after would be refused."""
    for _ in range(3):
        streams = [
            client.stream("long_writer", order(seed=seed, max_tokens=2000, preview_every=1), deadline=30)
            for seed in range(8)
        ]
        for stream in streams:
            await anext(stream)
        for stream in streams:
            await stream.aclose()
    others = await asyncio.gather(*(run(client, order(seed=seed), "long_writer") for seed in range(12)))
    assert all(kinds(answers)[-1] == "final" for answers in others)


async def test_what_is_beyond_the_limits_is_refused_and_the_rest_is_served(client: InferenceClient) -> None:
    runs = [run(client, order(seed=seed, max_tokens=300), "long_writer") for seed in range(60)]
    outcomes = await asyncio.gather(*runs, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, ResourceExhausted)]
    served = [outcome for outcome in outcomes if isinstance(outcome, list)]
    assert len(refused) + len(served) == 60
    assert len(refused) >= 1
    assert len(served) >= 16


async def test_the_deadline_ends_a_running_request(client: InferenceClient) -> None:
    other = asyncio.create_task(run(client, order(max_tokens=50), "long_writer"))
    with pytest.raises(DeadlineExceeded):
        await run(client, order(max_tokens=2000), "long_writer", deadline=0.1)
    assert kinds(await other) == ["final"]


@pytest.mark.parametrize(
    ("values", "field", "limit"),
    [
        ({"max_tokens": 0}, "max_tokens", "1..64"),
        ({"temperature": -1.0}, "temperature", "0..2"),
        ({"top_k": 13}, "top_k", "0..12"),
        ({"num_beams": 9}, "num_beams", "1..4"),
        ({"seed": None}, "seed", "0..18446744073709551615"),
        ({"prefix": np.array([[40]], np.int32)}, "prefix", "tokens 0..11"),
    ],
)
async def test_a_bad_value_names_its_field_and_range(
    client: InferenceClient, values: dict[str, Any], field: str, limit: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await run(client, order(**values))
    assert (caught.value.field, caught.value.limit) == (field, limit)


async def test_a_model_process_ends_with_its_server_however_that_ends(
    server: TritonServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A thread of its own must not go on with work that nobody waits for."""
    killed = TritonServer(server.repository, tmp_path_factory.mktemp("killed"), ["long_writer"], server.env)
    killed.start()
    assert killed.process is not None
    stubs = psutil.Process(killed.process.pid).children(recursive=True)
    found = InferenceClient(killed.settings)
    stream = found.stream("long_writer", order(max_tokens=2000, preview_every=1), deadline=30)
    await anext(stream)
    killed.process.kill()
    with pytest.raises(Unavailable):
        await anext_until_it_fails(stream)
    await found.close()
    killed.stop()
    _, alive = await asyncio.to_thread(psutil.wait_procs, stubs, 20)
    assert len(stubs) == 1
    assert alive == []


async def anext_until_it_fails(stream: AsyncIterator[InferResult]) -> None:
    async for _ in stream:
        pass
