"""The gRPC door: the same jobs and files, with rich errors."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from luce.errors import LuceError
from luce.server.errors import RICH_STATUS_KEY, from_rich_status
from luce.v1 import (
    agents_pb2,
    agents_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    mapping_pb2,
    mapping_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
)
from tests.gateway.conftest import Doors


def _problem(error: grpc.aio.AioRpcError) -> LuceError:
    (raw,) = [value for key, value in error.trailing_metadata() if key == RICH_STATUS_KEY]
    assert isinstance(raw, bytes)
    found = from_rich_status(raw)
    assert found is not None
    return found


async def _upload(doors: Doors, data: bytes, filename: str = "song.wav") -> media_pb2.BlobRef:
    async def parts() -> AsyncIterator[media_pb2.UploadRequest]:
        yield media_pb2.UploadRequest(header=media_pb2.UploadHeader(filename=filename))
        for start in range(0, len(data), 100_000):
            yield media_pb2.UploadRequest(chunk=data[start : start + 100_000])

    return (await media_pb2_grpc.MediaServiceStub(doors.channel).Upload(parts())).blob


def _submit(prompt: str = "a hill", **options: int) -> jobs_pb2.SubmitRequest:
    paint = agents_pb2.PaintRequest(prompt=prompt, options=agents_pb2.PaintOptions(**options))  # type: ignore[arg-type]
    return jobs_pb2.SubmitRequest(task=jobs_pb2.Task(paint=paint))


async def test_a_song_goes_up_is_painted_and_comes_down_as_a_picture(doors: Doors, short_song: bytes) -> None:
    jobs = jobs_pb2_grpc.JobsServiceStub(doors.channel)
    blob = await _upload(doors, short_song)
    assert (blob.size, blob.sha256) == (len(short_song), hashlib.sha256(short_song).hexdigest())
    request = _submit(seed=9, n=2)
    # Only the key counts: what else the client says of its upload is not believed.
    request.task.paint.audio.CopyFrom(media_pb2.BlobRef(key=blob.key, size=1, media_type="image/png"))
    job = (await jobs.Submit(request)).job
    events = [answer.event async for answer in jobs.Watch(jobs_pb2.WatchRequest(id=job.id))]
    done = events[-1].state
    assert done.state == jobs_pb2.JOB_STATE_SUCCEEDED
    assert [image.seed for image in done.result.paint.images] == [9, 10]
    assert {"state", "progress", "preview", "partial"} <= {event.WhichOneof("event") for event in events}
    image = done.result.paint.images[1].image
    media = media_pb2_grpc.MediaServiceStub(doors.channel)
    picture = b"".join([part.chunk async for part in media.Download(media_pb2.DownloadRequest(key=image.key))])
    assert hashlib.sha256(picture).hexdigest() == image.sha256
    after = events[len(events) // 2].sequence
    resumed = [e.event async for e in jobs.Watch(jobs_pb2.WatchRequest(id=job.id, after_sequence=after))]
    assert [event.sequence for event in resumed] == [event.sequence for event in events if event.sequence > after]


async def test_both_doors_show_the_same_job(doors: Doors) -> None:
    jobs = jobs_pb2_grpc.JobsServiceStub(doors.channel)
    request = _submit("wait")
    request.idempotency_key = "shared"
    job = (await jobs.Submit(request)).job
    assert (await jobs.Submit(request)).job.id == job.id
    assert (await doors.http.get(f"/v1/jobs/{job.id}")).json()["id"] == job.id
    listed = await jobs.List(jobs_pb2.ListRequest(page_size=1))
    assert listed.jobs[0].id == job.id
    assert listed.next_page_token or len(listed.jobs) == 1
    assert (await jobs.Cancel(jobs_pb2.CancelRequest(id=job.id))).job.state == jobs_pb2.JOB_STATE_CANCELLED
    assert (await jobs.Cancel(jobs_pb2.CancelRequest(id=job.id))).job.state == jobs_pb2.JOB_STATE_CANCELLED
    assert (await doors.http.get(f"/v1/jobs/{job.id}")).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (_submit(steps=0), grpc.StatusCode.INVALID_ARGUMENT, "steps"),
        (_submit(n=100), grpc.StatusCode.INVALID_ARGUMENT, "n"),
        (_submit(width=13), grpc.StatusCode.INVALID_ARGUMENT, "width"),
        (_submit(""), grpc.StatusCode.INVALID_ARGUMENT, "audio"),
        (jobs_pb2.SubmitRequest(), grpc.StatusCode.INVALID_ARGUMENT, "task"),
    ],
    ids=["steps", "n", "width", "nothing", "no-task"],
)
async def test_bad_fields_are_rich_errors_by_name(
    doors: Doors, request_: jobs_pb2.SubmitRequest, code: grpc.StatusCode, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await jobs_pb2_grpc.JobsServiceStub(doors.channel).Submit(request_)
    assert refused.value.code() is code
    assert _problem(refused.value).field == field


async def test_bad_uploads_are_refused(doors: Doors, short_song: bytes) -> None:
    for data, code in ((b"", "malformed_media"), (b"PK\x03\x04" * 300, "unsupported_media_type")):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _upload(doors, data)
        assert _problem(refused.value).code == code

    async def headless() -> AsyncIterator[media_pb2.UploadRequest]:
        yield media_pb2.UploadRequest(chunk=short_song[:1000])

    with pytest.raises(grpc.aio.AioRpcError) as unheaded:
        await media_pb2_grpc.MediaServiceStub(doors.channel).Upload(headless())
    assert _problem(unheaded.value).field == "header"


async def test_without_the_mapping_service_words_are_not_felt_and_the_answer_says_so(doors: Doors) -> None:
    mapping = mapping_pb2_grpc.MappingServiceStub(doors.channel)
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await mapping.Feel(mapping_pb2.FeelRequest(text="joy"), timeout=10)
    assert missing.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "MappingService" in (missing.value.details() or "")


async def test_without_triton_and_agents_their_calls_are_unavailable_and_health_tells(
    doors: Doors, short_song: bytes
) -> None:
    mapping = mapping_pb2_grpc.MappingServiceStub(doors.channel)
    with pytest.raises(grpc.aio.AioRpcError) as no_triton:
        await mapping.Embed(mapping_pb2.EmbedRequest(texts=["joy"]), timeout=10)
    assert no_triton.value.code() is grpc.StatusCode.UNAVAILABLE
    agents = agents_pb2_grpc.AgentsServiceStub(doors.channel)
    blob = await _upload(doors, short_song)
    with pytest.raises(grpc.aio.AioRpcError) as no_agents:
        await agents.Describe(agents_pb2.DescribeRequest(audio=blob), timeout=10)
    assert no_agents.value.code() is grpc.StatusCode.UNAVAILABLE
    health = health_pb2_grpc.HealthStub(doors.channel)
    serving = {
        name: (await health.Check(health_pb2.HealthCheckRequest(service=name))).status
        for name in (
            "",
            "luce.v1.JobsService",
            "luce.v1.MediaService",
            "luce.v1.MappingService",
            "luce.v1.AgentsService",
        )
    }
    up, down = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert list(serving.values()) == [down, up, up, down, down]


async def test_reflection_lists_the_services(doors: Doors) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(doors.channel)

    async def ask() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    answers = [answer async for answer in stub.ServerReflectionInfo(ask())]
    names = {service.name for service in answers[0].list_services_response.service}
    assert {"luce.v1.JobsService", "luce.v1.MediaService", "luce.v1.MappingService", "luce.v1.AgentsService"} <= names
