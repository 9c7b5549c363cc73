"""Every bad input is a problem that names field and limit, over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fixtures.media import click, encode, silence, wav_bytes
from tests.gateway.conftest import Doors

PATH = "/v1/images/generations"


def _problem(answer: httpx.Response, status: int, field: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["field"] == field
    assert problem["type"] == f"urn:luce:error:{problem['code']}"
    return problem


def _zip_bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("song.wav", bytes(50_000_000))
    return target.getvalue()


def _ten_hours() -> bytes:
    # Silent MPEG-2.5 layer III frames of 72 ms at 8 kbit/s.
    return (b"\xff\xe3\x18\xc0" + bytes(68)) * 500_000


_FILES = {
    "empty": (b"", 400),
    "not-audio": (b"<html>" + b"hello " * 500, 415),
    "text-named-wav": (b"just some words, far too few", 415),
    "zip-bomb": (_zip_bomb(), 415),
    "truncated": (wav_bytes(np.zeros(80_000, np.int16), rate=8000)[:60_000], 400),
    "ten-hours": (_ten_hours(), 413),
    "one-sample": (wav_bytes(np.zeros(1, np.int16), rate=44100), 422),
    "32-channels": (wav_bytes(np.zeros(32 * 44100, np.int16), channels=32), 422),
    "nan": (wav_bytes(np.full(44100, np.nan, np.float32)), 400),
}


@pytest.mark.parametrize("name", _FILES)
async def test_bad_audio_is_refused_before_it_becomes_a_job(doors: Doors, name: str) -> None:
    data, status = _FILES[name]
    before = (await doors.http.get("/v1/jobs")).json()["data"][:1]
    answer = await doors.http.post(PATH, files={"audio": ("song.wav", data)})
    problem = _problem(answer, status, "audio")
    assert problem["limit"]
    assert (await doors.http.get("/v1/jobs")).json()["data"][:1] == before


async def test_silence_is_audio(doors: Doors) -> None:
    answer = await doors.http.post(PATH, files={"audio": ("s.wav", encode(silence(2.0), "wav"))})
    assert answer.status_code == 202
    answer = await doors.http.post(PATH, files={"audio": ("c.wav", encode(click(), "wav"))})
    assert answer.status_code == 202


async def test_a_file_that_is_announced_as_too_large_is_refused_unread(doors: Doors) -> None:
    head = (
        b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.server.http_port)
        writer.write(head)
        status = await reader.readline()
        body = await reader.readuntil(b"}")
        writer.close()
        await writer.wait_closed()
    assert b" 413 " in status
    problem = json.loads(body[body.index(b"{") :])
    assert (problem["field"], problem["limit"]) == ("audio", "67108864 bytes")


async def test_a_client_that_sends_everything_first_still_reads_the_refusal(doors: Doors) -> None:
    def send_all() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", doors.server.http_port, timeout=20)
        connection.request("POST", "/v1/blobs", bytes(80_000_000), {"Content-Type": "audio/wav"})
        answer = connection.getresponse()
        refusal = answer.status, answer.read()
        connection.close()
        return refusal

    status, body = await asyncio.to_thread(send_all)
    assert (status, json.loads(body)["code"]) == (413, "payload_too_large")


async def test_a_body_that_says_nothing_of_its_size_is_refused_where_it_passes_the_limit(doors: Doors) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.ogg"\r\n\r\nOggS'
        while sent < 400_000_000:
            sent += 1_000_000
            yield bytes(1_000_000)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await doors.http.post(PATH, content=endless(), headers=headers)
    _problem(answer, 413, "audio")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": "a", "steps": 0}, "steps"),
        ({"prompt": "a", "steps": 10_000}, "steps"),
        ({"prompt": "a", "n": 100}, "n"),
        ({"prompt": "a", "size": "13x13"}, "width"),
        ({"prompt": "a", "size": "huge"}, "size"),
        ({"prompt": "a", "steps": "ten"}, "steps"),
        ({"prompt": "a", "steps": "10"}, "steps"),
        ({"prompt": "a", "n": True}, "n"),
        ({"prompt": "a", "sped": 1}, "sped"),
        ({"prompt": "a", "seed": 2**64}, "seed"),
        ({"prompt": "a", "seed": 10**400}, "body"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "a", "model": "dall-e"}, "model"),
        ({"prompt": "a", "timeout_s": 1e9}, "timeout_s"),
        ({"prompt": ""}, "audio"),
        ({}, "audio"),
        ([], "body"),
    ],
    ids=str,
)
async def test_bad_fields_in_json_are_422_by_name(doors: Doors, body: Any, field: str) -> None:
    answer = await doors.http.post(PATH, content=json.dumps(body), headers={"Content-Type": "application/json"})
    problem = _problem(answer, 400 if "seed" in body and body["seed"] > 2**64 else 422, field)
    assert problem["code"] in ("invalid_argument", "bad_request")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"steps": "0"}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"n": "100"}, "n"),
        ({"size": "13x13"}, "width"),
        ({"sped": "1"}, "sped"),
        ({"guidance_scale": "nan"}, "guidance_scale"),
    ],
    ids=str,
)
async def test_bad_fields_in_a_form_are_422_by_name(
    doors: Doors, short_song: bytes, fields: dict[str, str], field: str
) -> None:
    answer = await doors.http.post(PATH, files={"audio": ("s.wav", short_song)}, data=fields)
    assert _problem(answer, 422, field)["limit"]


async def test_ranges_are_named(doors: Doors) -> None:
    answer = await doors.http.post(PATH, json={"prompt": "a", "steps": 10_000})
    assert answer.json()["limit"] == "1..100"
    assert answer.json()["detail"] == "steps is 10000; allowed is 1..100"


async def test_empty_fields_of_a_form_are_as_good_as_none(doors: Doors, short_song: bytes) -> None:
    answer = await doors.http.post(PATH, files={"audio": ("s.wav", short_song)}, data={"steps": "", "prompt": ""})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'"' + b"x" * 2_000_000 + b'"', "application/json", 413),
        (b"prompt=a", "application/x-www-form-urlencoded", 415),
        (b"nothing like a form", "multipart/form-data; boundary=b", 400),
        (b"x", "multipart/form-data", 400),
    ],
)
async def test_a_body_that_is_none_is_refused(doors: Doors, content: bytes, media_type: str, status: int) -> None:
    answer = await doors.http.post(PATH, content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_unknown_routes_methods_and_things_are_problems(doors: Doors) -> None:
    nowhere = await doors.http.get("/v1/nowhere")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    method = await doors.http.put("/v1/jobs")
    assert (method.status_code, method.json()["code"], method.headers["allow"]) == (405, "method_not_allowed", "GET")
    embeddings = await doors.http.get("/v1/embeddings")
    assert (embeddings.status_code, embeddings.headers["allow"]) == (405, "POST")
    for path in (
        "/v1/jobs/no-such-job",
        "/v1/jobs/no/result",
        "/v1/jobs/%2e%2e/events",
        "/v1/blobs/no",
        "/v1/blobs/a/b",
    ):
        answer = await doors.http.get(path)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 404, "not_found")
    page = await doors.http.get("/v1/jobs?page_size=0")
    assert (page.status_code, page.json()["field"], page.json()["limit"]) == (422, "page_size", "at least 1")
    state = await doors.http.get("/v1/jobs?state=lost")
    assert (state.status_code, state.json()["field"]) == (422, "state")
    token = await doors.http.get("/v1/jobs?page_token=*.>")
    assert (token.status_code, token.json()["field"]) == (422, "page_token")


async def test_an_unknown_audio_key_is_404_and_an_image_is_no_audio(doors: Doors) -> None:
    answer = await doors.http.post(PATH, json={"audio_key": "upload-nothing"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    job = (await doors.http.post(PATH, json={"prompt": "a"}, headers={"Prefer": "wait=20"})).json()
    image = job["result"]["images"][0]["image"]["key"]
    _problem(await doors.http.post(PATH, json={"audio_key": image}), 422, "audio")
