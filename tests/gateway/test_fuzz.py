"""Whatever is sent, the answer is one of ours: never a 5xx, and a problem where it is a refusal."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.conftest import Doors

PATH = "/v1/images/generations"

_ROUTES = ("/v1/jobs/{}", "/v1/jobs/{}/result", "/v1/jobs/{}/events", "/v1/blobs/{}", "/{}", "/v1/jobs?{}")
_FIELDS = ("prompt", "n", "seed", "steps", "guidance_scale", "size", "width", "preview_every", "audio_key", "timeout_s")
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_NAMES = st.sampled_from(_FIELDS) | st.text(max_size=10)
# What a header may hold at all (RFC 9110), so that the client sends it.
_HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)

_often = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _is_ours(answer: httpx.Response) -> None:
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["code"]


@_often
@given(body=st.dictionaries(_NAMES, _VALUES, max_size=6))
async def test_any_json_is_a_job_or_a_problem(doors: Doors, body: dict[str, Any]) -> None:
    _is_ours(await doors.http.post(PATH, content=json.dumps(body), headers={"Content-Type": "application/json"}))


@_often
@given(body=st.dictionaries(st.sampled_from(("audio_key", "timeout_s")) | _NAMES, _VALUES, max_size=4))
async def test_any_json_is_a_description_or_a_problem(doors: Doors, body: dict[str, Any]) -> None:
    _is_ours(await doors.http.post("/v1/descriptions", content=json.dumps(body)))


@_often
@given(
    path=st.sampled_from(("/v1/descriptions", "/v1/emotions")), data=st.binary(max_size=600), field=_NAMES.filter(bool)
)
async def test_any_form_is_heard_or_a_problem(doors: Doors, path: str, data: bytes, field: str) -> None:
    files = {"audio" if path.endswith("descriptions") else "media": ("a.wav", data)}
    _is_ours(await doors.http.post(path, files=files, data={_sendable(field): "7"}))


@_often
@given(fields=st.dictionaries(_NAMES.filter(bool), st.text(max_size=20), max_size=5), audio=st.binary(max_size=600))
async def test_any_form_is_a_job_or_a_problem(doors: Doors, fields: dict[str, str], audio: bytes) -> None:
    valid = {_sendable(name): _sendable(value) for name, value in fields.items()}
    _is_ours(await doors.http.post(PATH, files={"audio": ("a.wav", audio)}, data=valid))


@_often
@given(body=st.binary(max_size=300), media_type=_HEADER)
async def test_any_body_is_a_job_or_a_problem(doors: Doors, body: bytes, media_type: str) -> None:
    headers = {"Content-Type": media_type.strip().encode("latin-1")}
    _is_ours(await doors.http.post(PATH, content=body, headers=headers))  # type: ignore[arg-type]


@_often
@given(
    name=st.sampled_from(["Prefer", "Idempotency-Key", "X-Request-Timeout", "X-Request-ID", "traceparent", "Accept"]),
    value=_HEADER,
)
async def test_any_header_is_taken_or_refused(doors: Doors, name: str, value: str) -> None:
    headers = {name: value.strip().encode("latin-1")}
    _is_ours(await doors.http.post(PATH, json={"prompt": "a"}, headers=headers))  # type: ignore[arg-type]


@_often
@given(
    route=st.sampled_from(
        ["/v1/jobs/{}", "/v1/jobs/{}/result", "/v1/jobs/{}/events", "/v1/blobs/{}", "/{}", "/v1/jobs?{}"]
    ),
    text=st.text(max_size=40),
    last=_HEADER,
)
async def test_any_path_leads_somewhere_or_nowhere(doors: Doors, route: str, text: str, last: str) -> None:
    headers = {"Last-Event-ID": last.strip().encode("latin-1")}
    url = route.format(httpx.URL("http://x", params={"q": _sendable(text)}).query.decode().removeprefix("q="))
    _is_ours(await doors.http.get(url, headers=headers))  # type: ignore[arg-type]


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
