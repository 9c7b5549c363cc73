"""`POST /v1/images/generations` and what follows from it, over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from gateway.http import schemas
from tests.gateway.conftest import Doors, eventually

PATH = "/v1/images/generations"


async def _finished(http: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = {}

    async def ended() -> bool:
        job.update((await http.get(f"/v1/jobs/{job_id}")).json())
        return job["state"] in ("succeeded", "failed", "cancelled")

    await eventually(ended)
    return job


async def test_music_becomes_a_job_and_the_job_a_picture(doors: Doors, short_song: bytes) -> None:
    answer = await doors.http.post(PATH, files={"audio": ("song.wav", short_song)}, data={"seed": "7", "prompt": "sea"})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert job["seed"] == 7
    schemas.Job.model_validate(job, strict=True)
    done = await _finished(doors.http, job["id"])
    schemas.Job.model_validate(done, strict=True)
    assert done["state"] == "succeeded"
    assert done["result"]["music"]["key"] == "C major"
    assert done["models"] == {"image_generator": "1"}
    assert {"queue"} <= {timing["stage"] for timing in done["timings"]}
    picture = await doors.http.get(done["links"]["result"])
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    image = done["result"]["images"][0]
    assert (await doors.http.get(image["image"]["url"])).content == picture.content
    assert (await doors.http.get(image["url"])).content == picture.content


async def test_prefer_wait_answers_with_the_finished_job(doors: Doors) -> None:
    answer = await doors.http.post(PATH, json={"prompt": "a hill"}, headers={"Prefer": "respond-async, wait=20"})
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json()["state"] == "succeeded"


async def test_prefer_wait_gives_up_after_its_time_and_the_job_goes_on(doors: Doors) -> None:
    answer = await doors.http.post(PATH, json={"prompt": "wait"}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert answer.json()["state"] in ("queued", "running")
    cancelled = await doors.http.delete(answer.headers["location"])
    assert cancelled.json()["state"] == "cancelled"


async def test_the_same_idempotency_key_gives_the_same_job(doors: Doors, short_song: bytes) -> None:
    async def submit(song: bytes) -> httpx.Response:
        form = {"files": {"audio": ("song.wav", song)}, "data": {"seed": "1"}}
        return await doors.http.post(PATH, **form, headers={"Idempotency-Key": "one-and-only"})  # type: ignore[arg-type]

    first, second = await submit(short_song), await submit(short_song)
    assert first.status_code == 202
    assert second.status_code == (200 if second.json()["state"] == "succeeded" else 202)
    assert first.json()["id"] == second.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    other = await submit(short_song[:-4000])
    assert (other.status_code, other.json()["code"]) in ((422, "idempotency_mismatch"), (400, "malformed_media"))
    another = await doors.http.post(PATH, json={"prompt": "x"}, headers={"Idempotency-Key": "one-and-only"})
    assert (another.status_code, another.json()["code"]) == (422, "idempotency_mismatch")


async def test_audio_may_be_uploaded_before(doors: Doors, short_song: bytes) -> None:
    bare = await doors.http.post("/v1/blobs", content=short_song, headers={"Content-Type": "audio/wav"})
    form = await doors.http.post("/v1/blobs", files={"file": ("../my song.wav", short_song)})
    assert (bare.status_code, form.status_code) == (201, 201)
    assert form.json()["filename"] == "my song.wav"
    assert bare.json()["media_type"] == form.json()["media_type"] == "audio/wav"
    back = await doors.http.get(form.headers["location"])
    assert back.content == short_song
    assert "my%20song.wav" in back.headers["content-disposition"]
    again = await doors.http.get(form.headers["location"], headers={"If-None-Match": back.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    job = await doors.http.post(PATH, json={"audio_key": form.json()["key"]}, headers={"Prefer": "wait=20"})
    assert job.json()["result"]["music"]["summary"] == "A cheerful piece."


async def test_several_pictures_are_told_by_index(doors: Doors) -> None:
    job = (await doors.http.post(PATH, json={"prompt": "a", "n": 3, "seed": 5}, headers={"Prefer": "wait=20"})).json()
    assert [image["seed"] for image in job["result"]["images"]] == [5, 6, 7]
    listing = await doors.http.get(job["links"]["result"])
    TypeAdapter(schemas.PaintResult).validate_python(listing.json())
    pictures = [(await doors.http.get(image["url"])).content for image in job["result"]["images"]]
    assert len(set(pictures)) == 3
    beyond = await doors.http.get(f"{job['links']['result']}?index=3")
    assert (beyond.status_code, beyond.json()["limit"]) == (404, "0..2")


async def test_how_a_picture_fits_is_told_and_what_was_not_measured_is_null(doors: Doors, short_song: bytes) -> None:
    job = (await doors.http.post(PATH, json={"prompt": "a"}, headers={"Prefer": "wait=20"})).json()
    (image,) = job["result"]["images"]
    assert image["measures"]["text_similarity"] == 0.25
    assert (image["measures"]["va_similarity"], image["measures"]["sem_score"]) == (None, None)
    assert job["result"]["animation"] is None
    song = {"audio": ("song.wav", short_song)}
    heard = (await doors.http.post(PATH, files=song, data={"best_of": "2"}, headers={"Prefer": "wait=20"})).json()
    assert heard["result"]["images"][0]["measures"]["va_similarity"] == 0.875


async def test_the_result_of_frames_is_the_animation_and_its_key_pictures_have_an_index(
    doors: Doors, short_song: bytes
) -> None:
    song = {"audio": ("song.wav", short_song)}
    job = (await doors.http.post(PATH, files=song, data={"frames": "3"}, headers={"Prefer": "wait=20"})).json()
    schemas.Job.model_validate(job, strict=True)
    film = await doors.http.get(job["result"]["animation"]["url"])
    assert (film.headers["content-type"], film.content) == ("video/mp4", b"a film")
    pictures = [await doors.http.get(image["url"]) for image in job["result"]["images"]]
    assert [picture.headers["content-type"] for picture in pictures] == ["image/png"] * 3
    told = await doors.http.get(job["links"]["result"], headers={"Accept": "application/json"})
    TypeAdapter(schemas.PaintResult).validate_python(told.json())


async def test_one_picture_is_json_for_who_asks_for_json(doors: Doors) -> None:
    job = (await doors.http.post(PATH, json={"prompt": "a"}, headers={"Prefer": "wait=20"})).json()
    answer = await doors.http.get(job["links"]["result"], headers={"Accept": "application/json"})
    assert answer.json() == job["result"]


async def test_a_failed_job_tells_its_problem(doors: Doors) -> None:
    job = (await doors.http.post(PATH, json={"prompt": "refuse"}, headers={"Prefer": "wait=20"})).json()
    assert job["state"] == "failed"
    schemas.Job.model_validate(job, strict=True)
    assert job["problem"]["code"] == "malformed_media"
    assert job["problem"]["field"] == "audio"
    answer = await doors.http.get(job["links"]["result"])
    assert answer.status_code == 409
    assert "audio does not decode" in answer.json()["detail"]


async def test_every_answer_tells_its_id_its_time_and_its_trace(doors: Doors) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-ID": "my-request.1", "traceparent": trace}
    answer = await doors.http.post(PATH, json={"prompt": "a"}, headers=headers)
    assert answer.headers["x-request-id"] == "my-request.1"
    assert answer.headers["traceparent"].split("-")[1] == trace.split("-")[1]
    stages = {part.partition(";")[0].strip() for part in answer.headers["server-timing"].split(",")}
    assert {"upload", "enqueue", "total"} <= stages
    drawn = await doors.http.get("/v1/jobs", headers={"X-Request-ID": "with space"})
    assert len(drawn.headers["x-request-id"]) == 32


async def test_a_full_queue_is_429_with_a_time_to_come_back(idle_doors: Doors) -> None:
    answers = [await idle_doors.http.post(PATH, json={"prompt": f"a {index}"}) for index in range(7)]
    assert [answer.status_code for answer in answers] == [202] * 6 + [429]
    assert [answer.json()["position"] for answer in answers[:6]] == list(range(6))
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "resource_exhausted"
    assert int(refused.headers["retry-after"]) >= 1
    for answer in answers[:6]:
        assert (await idle_doors.http.delete(answer.headers["location"])).status_code == 200


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "1e9"])
async def test_a_request_timeout_that_is_none_is_refused(doors: Doors, value: str) -> None:
    answer = await doors.http.get("/v1/jobs", headers={"X-Request-Timeout": value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_argument")


async def test_a_request_ends_at_its_own_deadline(doors: Doors) -> None:
    headers = {"Prefer": "wait=20", "X-Request-Timeout": "0.5"}
    answer = await doors.http.post(PATH, json={"prompt": "wait"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    jobs = (await doors.http.get("/v1/jobs?state=running&state=queued")).json()["data"]
    for job in jobs:
        await doors.http.delete(job["links"]["self"])


async def test_a_client_that_leaves_ends_its_wait_and_not_its_job(doors: Doors) -> None:
    body = json.dumps({"prompt": "wait for me"}).encode()
    request = (
        b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nPrefer: wait=30\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    before = {job["id"] for job in (await doors.http.get("/v1/jobs")).json()["data"]}
    _, writer = await asyncio.open_connection("127.0.0.1", doors.server.http_port)
    writer.write(request)
    new: list[dict[str, Any]] = []

    async def appeared() -> bool:
        jobs = (await doors.http.get("/v1/jobs")).json()["data"]
        new[:] = [job for job in jobs if job["id"] not in before]
        return bool(new)

    async def nobody_waits() -> bool:
        return "luce_http_in_progress 0.0" in (await doors.http.get("/metrics")).text

    await eventually(appeared)
    assert not await nobody_waits()
    writer.close()
    await writer.wait_closed()
    await eventually(nobody_waits)
    assert new[0]["state"] in ("queued", "running")
    await doors.http.delete(new[0]["links"]["self"])
