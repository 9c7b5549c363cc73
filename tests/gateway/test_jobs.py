"""`/v1/jobs` over HTTP: list, result, events, cancel."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from gateway.http import schemas
from tests.gateway.conftest import Doors

PATH = "/v1/images/generations"

Event = tuple[str, int | None, dict[str, Any]]


async def _events(doors: Doors, job_id: str, after: int | None = None) -> list[Event]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    found: list[Event] = []
    name, identity = "", None
    async with asyncio.timeout(20), doors.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name, identity = value, None
            elif key == "id":
                identity = int(value)
            elif key == "data":
                found.append((name, identity, json.loads(value)))
    return found


async def _submit(doors: Doors, prompt: str = "a hill", **more: Any) -> dict[str, Any]:
    job: dict[str, Any] = (await doors.http.post(PATH, json={"prompt": prompt, **more})).json()
    return job


async def test_events_tell_the_whole_story_and_end_with_it(doors: Doors, short_song: bytes) -> None:
    answer = await doors.http.post(PATH, files={"audio": ("s.wav", short_song)})
    events = await _events(doors, answer.json()["id"])
    names = [name for name, _, _ in events]
    assert {"state", "progress", "preview", "partial"} <= set(names)
    sequences = [sequence for _, sequence, _ in events if sequence is not None]
    assert len(sequences) == len(events)
    assert sequences == sorted(set(sequences))
    name, _, last = events[-1]
    assert (name, last["state"]) == ("state", "succeeded")
    schemas.Job.model_validate(last, strict=True)
    preview = next(data for name, _, data in events if name == "preview")
    picture = await doors.http.get(preview["image"]["url"])
    assert picture.content.startswith(b"\x89PNG")


async def test_events_resume_after_the_last_one_that_was_seen(doors: Doors) -> None:
    job = await _submit(doors)
    whole = await _events(doors, job["id"])
    for seen in (1, len(whole) // 2, len(whole) - 1):
        assert await _events(doors, job["id"], whole[seen - 1][1]) == whole[seen:]


async def test_an_idle_stream_is_kept_alive_and_ends_when_the_job_is_cancelled(doors: Doors) -> None:
    job = await _submit(doors, "wait")
    lines: list[str] = []
    async with asyncio.timeout(20), doors.http.stream("GET", job["links"]["events"]) as answer:
        async for line in answer.aiter_lines():
            lines.append(line)
            if lines.count(": keep-alive") == 2 and not lines[-1]:
                cancelled = await doors.http.delete(job["links"]["self"])
                assert cancelled.status_code == 200
                lines.append("cancelled here")
    assert "cancelled here" in lines
    assert json.loads([line for line in lines if line.startswith("data: ")][-1][6:])["state"] == "cancelled"


async def test_a_stream_of_a_bad_id_is_a_problem_and_no_stream(doors: Doors) -> None:
    job = await _submit(doors)
    answer = await doors.http.get(job["links"]["events"], headers={"Last-Event-ID": "five"})
    assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")


async def test_cancelled_twice_answers_the_same_and_a_finished_job_does_not_cancel(doors: Doors) -> None:
    job = await _submit(doors, "wait")
    first, second = [await doors.http.delete(job["links"]["self"]) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["state"] == second.json()["state"] == "cancelled"
    done = (await doors.http.post(PATH, json={"prompt": "a"}, headers={"Prefer": "wait=20"})).json()
    late = await doors.http.delete(done["links"]["self"])
    assert (late.status_code, late.json()["code"]) == (409, "failed_precondition")


async def test_the_result_before_the_end_is_409(doors: Doors) -> None:
    job = await _submit(doors, "wait")
    answer = await doors.http.get(job["links"]["result"])
    assert (answer.status_code, answer.json()["code"]) == (409, "failed_precondition")
    await doors.http.delete(job["links"]["self"])


async def test_jobs_are_listed_newest_first_page_by_page(doors: Doors) -> None:
    made = [(await _submit(doors, f"picture {index}"))["id"] for index in range(5)]
    found: list[str] = []
    token = ""
    while len(found) < 5:
        page = (await doors.http.get("/v1/jobs", params={"page_size": 2, "page_token": token})).json()
        schemas.JobList.model_validate(page, strict=True)
        assert len(page["data"]) <= 2
        found += [job["id"] for job in page["data"]]
        token = page["next_page_token"]
    assert found[:5] == made[::-1]


async def test_jobs_are_listed_by_state(doors: Doors) -> None:
    job = await _submit(doors, "wait")
    await doors.http.delete(job["links"]["self"])
    page = (await doors.http.get("/v1/jobs", params={"state": ["cancelled", "failed"], "page_size": 100})).json()
    assert job["id"] in [entry["id"] for entry in page["data"]]
    assert {entry["state"] for entry in page["data"]} <= {"cancelled", "failed"}
