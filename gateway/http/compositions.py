"""`POST /v1/compositions`: words into music."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response

from gateway.http import music
from gateway.http.answers import problems
from gateway.http.context import CoreOf, OwnerOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.music_schemas import CompositionForm, CompositionRequest
from gateway.http.receiving import form_values, json_fields, receive_fields, unicode_text
from gateway.http.schemas import Job
from luce.v1 import jobs_pb2, mapping_pb2

router = APIRouter(tags=["compose"])

_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/CompositionRequest"}},
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/CompositionForm"}},
    },
}


@router.post(
    "/v1/compositions",
    status_code=202,
    response_model=None,
    responses={
        200: {"model": Job, "description": "Done within `Prefer: wait=N`"},
        202: {"model": Job, "description": "Accepted, and durable. `Location` is the job"},
        **problems(400, 401, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def compose_music(
    request: Request,
    core: CoreOf,
    owner: OwnerOf,
    watch: WatchOf,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer in place if done within N seconds")] = None,
    idempotency_key: Annotated[
        str | None, Header(description="Same key, same request: the same job. At most 255 characters")
    ] = None,
) -> Response:
    """Write music that feels like a text: as MIDI, as sound, and as a picture of its notes.

    Answers 202 with the job as soon as it is durable, or 200 with the finished job under `Prefer: wait=N`.
    """
    content_type = request.headers.get("content-type", "")
    options: CompositionForm | CompositionRequest
    if boundary := boundary_of(content_type):
        with watch.stage("upload"):
            fields: dict[str, Any] = await receive_fields(request, boundary, core.settings.max_json_bytes)
        options = CompositionForm.model_validate(form_values(fields))
    else:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        options = CompositionRequest.model_validate(fields, strict=True)
    text = unicode_text("text", options.text)
    task = jobs_pb2.Task(compose=mapping_pb2.ComposeRequest(text=text, options=music.music_options(options)))
    return await music.submit(
        request,
        core,
        owner,
        watch,
        task,
        timeout_s=options.timeout_s,
        prefer=prefer,
        idempotency_key=idempotency_key,
    )
