"""`POST /v1/images/generations`: music and words into pictures."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.answers import json_response, problems
from gateway.http.context import CoreOf, IdempotencyKeyOf, OwnerOf, PreferOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.openai import openai_images
from gateway.http.painting import paint_request
from gateway.http.preferences import wait_seconds
from gateway.http.receiving import form_values, json_fields, receive_form
from gateway.http.request_schemas import ImageGenerationForm, ImageGenerationRequest, ImageOptions
from gateway.http.schemas import Images, Job
from gateway.stopwatch import Stopwatch
from luce.v1 import jobs_pb2

router = APIRouter(tags=["paint"])

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/ImageGenerationForm"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/ImageGenerationRequest"}},
    },
}


@router.post(
    "/v1/images/generations",
    status_code=202,
    response_model=None,
    responses={
        200: {
            "model": Job | Images,
            "description": "Done within `Prefer: wait=N`; or, with `response_format`, the pictures in the OpenAI shape",
        },
        202: {"model": Job, "description": "Accepted, and durable. `Location` is the job"},
        **problems(400, 401, 404, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def generate_images(
    request: Request,
    core: CoreOf,
    owner: OwnerOf,
    watch: WatchOf,
    prefer: PreferOf = None,
    idempotency_key: IdempotencyKeyOf = None,
) -> Response:
    """Paint pictures from a piece of music, from words, or from both.

    Answers 202 with the job as soon as it is durable, or 200 with the finished job under `Prefer: wait=N`. With
    `response_format` it waits, and answers in the OpenAI shape.
    """
    task, options = await _read_task(request, core, owner, watch)
    job, created = await core.submit(
        task, owner, watch, idempotency_key=idempotency_key or "", timeout_s=options.timeout_s or 0.0
    )
    headers = {"Location": records.job_url(job.id)}
    if not created:
        headers["Idempotency-Replayed"] = "true"
    seconds = core.settings.max_wait_s if options.response_format else wait_seconds(prefer, core.settings.max_wait_s)
    if seconds > 0:
        headers["Preference-Applied"] = f"wait={seconds:g}"
        with watch.stage("wait"):
            job = await body.unless_gone(request.receive, core.wait(job.id, owner, seconds))
    if options.response_format:
        return json_response(await openai_images(core, job, owner, options.response_format), 200, headers)
    return json_response(records.job_record(job), 200 if job.state in records.TERMINAL else 202, headers)


async def _read_task(
    request: Request, core: Gateway, owner: str, watch: Stopwatch
) -> tuple[jobs_pb2.Task, ImageOptions]:
    content_type = request.headers.get("content-type", "")
    if boundary := boundary_of(content_type):
        return await _read_form(request, boundary, core, owner, watch)
    fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
    options = ImageGenerationRequest.model_validate(fields, strict=True)
    task = jobs_pb2.Task(paint=paint_request(options))
    if options.audio_key is not None:
        task.paint.audio.key = options.audio_key
    return task, options


async def _read_form(
    request: Request, boundary: bytes, core: Gateway, owner: str, watch: Stopwatch
) -> tuple[jobs_pb2.Task, ImageOptions]:
    with core.upload("audio") as upload:
        with watch.stage("upload"):
            fields, came = await receive_form(request, boundary, upload)
        values: dict[str, Any] = form_values(fields)
        options = ImageGenerationForm.model_validate(values)
        task = jobs_pb2.Task(paint=paint_request(options))
        if came:
            task.paint.audio.CopyFrom(await core.store(upload, owner, watch))
    return task, options
