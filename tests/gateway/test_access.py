"""Who may call, and what belongs to whom, over both doors."""

from __future__ import annotations

import grpc
import pytest

from luce.v1 import agents_pb2, jobs_pb2, jobs_pb2_grpc, media_pb2, media_pb2_grpc
from tests.gateway.conftest import Doors

PATH = "/v1/images/generations"
ADA = {"Authorization": "Bearer ada-key"}
BOB = {"X-API-Key": "bob-key"}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer nobody"}, {"Authorization": "Basic ada-key"}], ids=str
)
async def test_without_a_key_everything_under_v1_is_401(locked_doors: Doors, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/v1/jobs"), ("POST", PATH), ("POST", "/v1/embeddings"), ("GET", "/v1/nothing")):
        answer = await locked_doors.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_health_and_documents_need_no_key(locked_doors: Doors) -> None:
    for path in ("/livez", "/metrics", "/openapi.json", "/docs"):
        assert (await locked_doors.http.get(path)).status_code == 200


async def test_another_keys_job_and_files_are_404(locked_doors: Doors, short_song: bytes) -> None:
    http = locked_doors.http
    made = await http.post(PATH, json={"prompt": "a"}, headers=ADA | {"Prefer": "wait=20"})
    job = made.json()
    image = job["result"]["images"][0]["image"]
    upload = (await http.post("/v1/blobs", content=short_song, headers=ADA)).json()
    for path in (*job["links"].values(), image["url"], upload["url"]):
        assert (path, (await http.get(path, headers=ADA)).status_code) == (path, 200)
        refused = await http.get(path, headers=BOB)
        assert (path, refused.status_code, refused.json()["code"]) == (path, 404, "not_found")
    assert (await http.delete(job["links"]["self"], headers=BOB)).status_code == 404
    assert (await http.post(PATH, json={"audio_key": upload["key"]}, headers=BOB)).status_code == 404
    assert (await http.get("/v1/jobs", headers=BOB)).json()["data"] == []


async def test_an_idempotency_key_is_the_owners_own(locked_doors: Doors) -> None:
    jobs = [
        (await locked_doors.http.post(PATH, json={"prompt": "a"}, headers=who | {"Idempotency-Key": "k"})).json()
        for who in (ADA, BOB)
    ]
    assert jobs[0]["id"] != jobs[1]["id"]


async def test_grpc_asks_for_the_same_keys_and_keeps_the_same_walls(locked_doors: Doors) -> None:
    jobs = jobs_pb2_grpc.JobsServiceStub(locked_doors.channel)
    media = media_pb2_grpc.MediaServiceStub(locked_doors.channel)
    ada, bob = (("authorization", "Bearer ada-key"),), (("x-api-key", "bob-key"),)
    task = jobs_pb2.Task(paint=agents_pb2.PaintRequest(prompt="a"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await jobs.Submit(jobs_pb2.SubmitRequest(task=task))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    job = (await jobs.Submit(jobs_pb2.SubmitRequest(task=task), metadata=ada)).job
    assert job.owner == "ada"
    with pytest.raises(grpc.aio.AioRpcError) as hidden:
        await jobs.Get(jobs_pb2.GetRequest(id=job.id), metadata=bob)
    assert hidden.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as unwatched:
        await jobs.Watch(jobs_pb2.WatchRequest(id=job.id), metadata=bob).read()
    assert unwatched.value.code() is grpc.StatusCode.NOT_FOUND
    done = [event async for event in jobs.Watch(jobs_pb2.WatchRequest(id=job.id), metadata=ada)][-1].event.state
    key = done.result.paint.images[0].image.key
    with pytest.raises(grpc.aio.AioRpcError) as unread:
        await media.Download(media_pb2.DownloadRequest(key=key), metadata=bob).read()
    assert unread.value.code() is grpc.StatusCode.NOT_FOUND
