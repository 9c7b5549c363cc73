"""`POST /v1/descriptions`: what a piece of music says of itself."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response

from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.answers import json_response, problems, raise_for_failure
from gateway.http.context import CoreOf, OwnerOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.preferences import wait_seconds, wants_async
from gateway.http.receiving import form_values, json_fields, receive_form
from gateway.http.request_schemas import DescriptionForm, DescriptionOptions, DescriptionRequest
from gateway.http.schemas import Job, Music
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument
from luce.v1 import agents_pb2, jobs_pb2, media_pb2

router = APIRouter(tags=["describe"])

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/DescriptionForm"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/DescriptionRequest"}},
    },
}


@router.post(
    "/v1/descriptions",
    response_model=None,
    responses={
        200: {"model": Music, "description": "The description"},
        202: {"model": Job, "description": "Accepted as a job, and durable. `Location` is the job"},
        **problems(400, 401, 404, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def describe_music(
    request: Request,
    core: CoreOf,
    owner: OwnerOf,
    watch: WatchOf,
    prefer: Annotated[
        str | None, Header(description="`respond-async`: a job at once; `wait=N`: wait for the job up to N seconds")
    ] = None,
    idempotency_key: Annotated[
        str | None, Header(description="Of the job: same key, same request: the same job. At most 255 characters")
    ] = None,
) -> Response:
    """Listen to a piece of music: captions, instruments, style, key, metre, tempo, mood, and emotion second by second.

    Up to a minute of music is answered in place; what is longer, and everything under `Prefer: respond-async`, becomes
    a job, whose result is the description.
    """
    audio, seconds, options = await _read(request, core, owner, watch)
    wish = agents_pb2.DescribeRequest(audio=audio, brief=options.brief)
    if seconds <= core.settings.max_inline_audio_s and not wants_async(prefer):
        with watch.stage("describe"):
            described = await body.unless_gone(request.receive, core.describe(wish, owner))
        return json_response(records.music(described.description))
    task = jobs_pb2.Task(describe=wish)
    job, created = await core.submit(
        task, owner, watch, idempotency_key=idempotency_key or "", timeout_s=options.timeout_s or 0.0
    )
    headers = {"Location": records.job_url(job.id)}
    if not created:
        headers["Idempotency-Replayed"] = "true"
    wait_s = wait_seconds(prefer, core.settings.max_wait_s)
    if wait_s > 0:
        headers["Preference-Applied"] = f"wait={wait_s:g}"
        with watch.stage("wait"):
            job = await body.unless_gone(request.receive, core.wait(job.id, owner, wait_s))
        raise_for_failure(job)
        if job.state == jobs_pb2.JOB_STATE_SUCCEEDED:
            return json_response(records.music(job.result.describe.music), 200, headers)
    return json_response(records.job_record(job), 202, headers)


async def _read(
    request: Request, core: Gateway, owner: str, watch: Stopwatch
) -> tuple[media_pb2.BlobRef, float, DescriptionOptions]:
    """The stored music, its length in seconds, and the options."""
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is None:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        options = DescriptionRequest.model_validate(fields, strict=True)
        audio = await core.own_audio(options.audio_key, owner, "audio_key")
        return audio, await core.duration_of(audio, watch), options
    with core.upload("audio") as upload:
        with watch.stage("upload"):
            form, came = await receive_form(request, boundary, upload)
        chosen = DescriptionForm.model_validate(form_values(form))
        if not came:
            raise InvalidArgument("there is nothing to describe: give audio", field="audio", limit="an audio file")
        return await core.store(upload, owner, watch), upload.duration_s, chosen
