"""`POST /v1/compositions`: words into music."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from gateway.core import MIDI, Gateway
from gateway.http import music
from gateway.http.answers import problems
from gateway.http.context import CoreOf, IdempotencyKeyOf, OwnerOf, PreferOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.music_schemas import CompositionForm, CompositionRequest
from gateway.http.receiving import form_values, json_fields, receive_form, unicode_text
from gateway.http.schemas import Job
from gateway.stopwatch import Stopwatch
from luce.errors import UnsupportedMediaType
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
    prefer: PreferOf = None,
    idempotency_key: IdempotencyKeyOf = None,
) -> Response:
    """Write music that feels like a text, goes on from a MIDI file or varies it: MIDI, sound, a picture of the notes.

    Answers 202 with the job as soon as it is durable, or 200 with the finished job under `Prefer: wait=N`.
    """
    wanted, timeout_s = await _read(request, core, owner, watch)
    return await music.submit(
        request,
        core,
        owner,
        watch,
        jobs_pb2.Task(compose=wanted),
        timeout_s=timeout_s,
        prefer=prefer,
        idempotency_key=idempotency_key,
    )


async def _read(
    request: Request, core: Gateway, owner: str, watch: Stopwatch
) -> tuple[mapping_pb2.ComposeRequest, float | None]:
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is None:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        told = CompositionRequest.model_validate(fields, strict=True)
        wanted = _message(told)
        if told.midi_key is not None:
            wanted.midi.key = told.midi_key
        return wanted, told.timeout_s
    with core.upload("midi") as upload:
        with watch.stage("upload"):
            form, came = await receive_form(request, boundary, upload)
        values: dict[str, Any] = form_values(form)
        filled = CompositionForm.model_validate(values)
        wanted = _message(filled)
        if came:
            upload.finish()
            if upload.media_type != MIDI:
                raise UnsupportedMediaType(f"midi is {upload.media_type}, not MIDI", field="midi", limit="a MIDI file")
            wanted.midi.CopyFrom(await core.store(upload, owner, watch))
        return wanted, filled.timeout_s


def _message(options: CompositionForm | CompositionRequest) -> mapping_pb2.ComposeRequest:
    return mapping_pb2.ComposeRequest(
        text=unicode_text("text", options.text), options=music.music_options(options), variation=options.variation
    )
