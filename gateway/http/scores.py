"""`POST /v1/scores`: a picture or a video into music."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.core import Gateway
from gateway.http import music
from gateway.http.answers import problems
from gateway.http.context import CoreOf, IdempotencyKeyOf, OwnerOf, PreferOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.music_schemas import ScoreForm, ScoreRequest
from gateway.http.receiving import form_values, json_fields, receive_form
from gateway.http.schemas import Job
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument
from luce.v1 import jobs_pb2, mapping_pb2

router = APIRouter(tags=["score"])

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/ScoreForm"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/ScoreRequest"}},
    },
}


@router.post(
    "/v1/scores",
    status_code=202,
    response_model=None,
    responses={
        200: {"model": Job, "description": "Done within `Prefer: wait=N`"},
        202: {"model": Job, "description": "Accepted, and durable. `Location` is the job"},
        **problems(400, 401, 404, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def score_media(
    request: Request,
    core: CoreOf,
    owner: OwnerOf,
    watch: WatchOf,
    prefer: PreferOf = None,
    idempotency_key: IdempotencyKeyOf = None,
) -> Response:
    """Write music that fits a picture or a video, whose feelings it follows and with which it ends.

    Answers 202 with the job as soon as it is durable, or 200 with the finished job under `Prefer: wait=N`.
    """
    wanted, timeout_s = await _read(request, core, owner, watch)
    return await music.submit(
        request,
        core,
        owner,
        watch,
        jobs_pb2.Task(score=wanted),
        timeout_s=timeout_s,
        prefer=prefer,
        idempotency_key=idempotency_key,
    )


async def _read(
    request: Request, core: Gateway, owner: str, watch: Stopwatch
) -> tuple[mapping_pb2.ScoreRequest, float | None]:
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is None:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        told = ScoreRequest.model_validate(fields, strict=True)
        wanted = _message(told)
        wanted.media.key = told.media_key
        return wanted, told.timeout_s
    with core.upload("media", accepts=("image/", "video/")) as upload:
        with watch.stage("upload"):
            form, came = await receive_form(request, boundary, upload)
        values: dict[str, Any] = form_values(form)
        filled = ScoreForm.model_validate(values)
        if not came:
            limit = "an image or a video"
            raise InvalidArgument("there is nothing to write music for: give media", field="media", limit=limit)
        wanted = _message(filled)
        wanted.media.CopyFrom(await core.store(upload, owner, watch))
        return wanted, filled.timeout_s


def _message(options: ScoreForm | ScoreRequest) -> mapping_pb2.ScoreRequest:
    return mapping_pb2.ScoreRequest(options=music.music_options(options), accents=options.accents, mux=options.mux)
