"""A client that knows OpenAI's image API and nothing of jobs."""

from __future__ import annotations

import base64

from gateway.http import schemas
from tests.fixtures.nats import NatsServer
from tests.gateway.conftest import Doors, running, settings_for

PATH = "/v1/images/generations"


async def test_pictures_come_in_place_as_base64(doors: Doors) -> None:
    body = {"prompt": "a hill", "n": 2, "size": "256x256", "model": "image_generator", "response_format": "b64_json"}
    answer = await doors.http.post(PATH, json=body)
    assert answer.status_code == 200
    images = schemas.Images.model_validate(answer.json(), strict=True)
    assert [image.revised_prompt for image in images.data] == ["a hill", "a hill"]
    pictures = [base64.b64decode(image.b64_json or "") for image in images.data]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]
    assert images.created > 1_700_000_000


async def test_pictures_come_in_place_as_urls(doors: Doors) -> None:
    answer = await doors.http.post(PATH, json={"prompt": "a hill", "response_format": "url"})
    (image,) = answer.json()["data"]
    assert (await doors.http.get(image["url"])).content.startswith(b"\x89PNG")


async def test_a_failed_job_is_the_problem_it_failed_with(doors: Doors) -> None:
    answer = await doors.http.post(PATH, json={"prompt": "refuse", "response_format": "url"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "malformed_media", "audio")


async def test_a_job_that_takes_longer_is_504_and_goes_on(nats_server: NatsServer, doors: Doors) -> None:
    async with running(settings_for(nats_server.settings, max_wait_s=0.5)) as hasty:
        answer = await hasty.http.post(PATH, json={"prompt": "wait", "response_format": "url"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    job = (await doors.http.get("/v1/jobs?page_size=1")).json()["data"][0]
    assert job["links"]["self"] in answer.json()["detail"]
    assert job["state"] in ("queued", "running")
    await doors.http.delete(job["links"]["self"])
