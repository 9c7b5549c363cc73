"""Event streams at their edges: a slow reader, a broken source, too many, and the drain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from gateway.sse import KEEPALIVE, EventStreamResponse, encode_event, frames, last_event_id
from luce.errors import InvalidArgument, Unavailable
from luce.v1 import jobs_pb2
from tests.fixtures.nats import NatsServer
from tests.gateway.conftest import eventually, running, settings_for

PATH = "/v1/images/generations"


def _progress(sequence: int) -> jobs_pb2.JobEvent:
    return jobs_pb2.JobEvent(sequence=sequence, progress=jobs_pb2.JobEvent.Progress(stage="paint", fraction=0.5))


async def test_nothing_is_read_ahead_of_a_slow_reader() -> None:
    asked = 0

    async def source() -> AsyncIterator[jobs_pb2.JobEvent]:
        nonlocal asked
        for sequence in range(1, 1000):
            asked += 1
            yield _progress(sequence)

    stream = frames(source(), keepalive_s=5, stop=asyncio.Event())
    for taken in range(10):
        await anext(stream)
        assert asked <= taken
    await stream.aclose()


async def test_a_broken_source_is_told_and_ends_the_stream() -> None:
    async def source() -> AsyncIterator[jobs_pb2.JobEvent]:
        yield _progress(1)
        raise Unavailable("NATS does not answer")

    got = [frame async for frame in frames(source(), keepalive_s=5, stop=asyncio.Event())]
    assert got[1].startswith(b"event: progress\nid: 1\n")
    assert got[2].startswith(b"event: error\n")
    assert b"id:" not in got[2]
    assert json.loads(got[2].partition(b"data: ")[2])["code"] == "unavailable"
    assert len(got) == 3


async def test_a_stopped_stream_ends_and_closes_its_source() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[jobs_pb2.JobEvent]:
        try:
            yield _progress(1)
            await asyncio.sleep(60)
        finally:
            closed.set()

    stop = asyncio.Event()
    got: list[bytes] = []
    async for frame in frames(source(), keepalive_s=0.01, stop=stop):
        got.append(frame)
        if frame == KEEPALIVE:
            stop.set()
    assert got[-1] == KEEPALIVE
    assert closed.is_set()


@given(st.text(max_size=50), st.integers(1, 2**63))
def test_an_event_is_one_block_whatever_its_text(text: str, sequence: int) -> None:
    valid = text.encode("utf-8", "replace").decode()
    frame = encode_event("partial", {"text": valid}, sequence)
    lines = frame.decode().split("\n")
    assert lines[:2] == ["event: partial", f"id: {sequence}"]
    assert json.loads(lines[2].removeprefix("data: ")) == {"text": valid}
    assert lines[3:] == ["", ""]


@pytest.mark.parametrize("value", ["five", "-1", "1.5", "１", "9" * 30])
def test_a_last_event_id_that_is_not_ours_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument, match="Last-Event-ID"):
        last_event_id(value)


async def test_one_stream_too_many_is_429_and_a_place_comes_back(nats_server: NatsServer) -> None:
    async with running(settings_for(nats_server.settings, max_event_streams=1)) as doors:
        url = (await doors.http.post(PATH, json={"prompt": "wait"})).json()["links"]["events"]
        async with doors.http.stream("GET", url) as answer:
            assert answer.status_code == 200
            refused = await doors.http.get(url)
            assert (refused.status_code, refused.json()["limit"]) == (429, "1 streams")
            assert int(refused.headers["retry-after"]) >= 1

        async def is_free() -> bool:
            async with doors.http.stream("GET", url) as again:
                return again.status_code == 200

        await eventually(is_free)
        await doors.http.delete(url.removesuffix("/events"))


async def test_the_drain_ends_streams_so_that_clients_resume_elsewhere(nats_server: NatsServer) -> None:
    async with running(settings_for(nats_server.settings)) as other:
        async with running(settings_for(nats_server.settings)) as doors:
            links = (await doors.http.post(PATH, json={"prompt": "wait"})).json()["links"]
            stream = doors.http.stream("GET", links["events"])
            answer = await stream.__aenter__()
            lines = answer.aiter_lines()
            seen = [await anext(lines)]
            doors.server.core.drain()
            seen += [line async for line in lines]
            await stream.__aexit__(None, None, None)
        last = [line for line in seen if line.startswith("id: ")][-1].removeprefix("id: ")
        await other.http.delete(links["self"])
        resumed = await other.http.get(links["events"], headers={"Last-Event-ID": last})
        assert f"id: {last}\n" not in resumed.text
        assert '"state":"cancelled"' in resumed.text


async def test_a_reader_that_takes_nothing_loses_its_place() -> None:
    stop, closed = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncIterator[jobs_pb2.JobEvent]:
        try:
            yield _progress(1)
            await asyncio.sleep(60)
        finally:
            closed.set()

    @contextmanager
    def place() -> Iterator[asyncio.Event]:
        yield stop
        stop.set()

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body", b"").startswith(b"event"):
            await asyncio.sleep(60)

    response = EventStreamResponse(source(), place=place(), keepalive_s=5, send_timeout_s=0.05)
    with pytest.raises(TimeoutError):
        await response({"type": "http"}, receive, send)
    assert closed.is_set()
