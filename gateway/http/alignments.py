"""`POST /v1/alignments`: how well an image and a piece of music fit."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.alignment_schemas import Alignment, AlignmentForm, AlignmentRequest
from gateway.http.answers import json_response, problems
from gateway.http.context import CoreOf, OwnerOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.receiving import form_values, json_fields, receive_files
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument
from luce.v1 import mapping_pb2

router = APIRouter(tags=["align"])

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/AlignmentForm"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/AlignmentRequest"}},
    },
}


@router.post(
    "/v1/alignments",
    response_model=None,
    responses={
        200: {"model": Alignment, "description": "How well they fit, and why"},
        **problems(400, 401, 404, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def align_media(request: Request, core: CoreOf, owner: OwnerOf, watch: WatchOf) -> Response:
    """How near an image and a piece of music are in emotion and in meaning, and what keeps them apart."""
    wanted = await _read(request, core, owner, watch)
    with watch.stage("align"):
        found = await body.unless_gone(request.receive, core.align(wanted, owner))
    return json_response(records.alignment(found))


async def _read(request: Request, core: Gateway, owner: str, watch: Stopwatch) -> mapping_pb2.AlignRequest:
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    wanted = mapping_pb2.AlignRequest()
    if boundary is None:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        told = AlignmentRequest.model_validate(fields, strict=True)
        wanted.image.key, wanted.audio.key = told.image_key, told.audio_key
        return wanted
    with core.upload("image", accepts="image/") as image, core.upload("audio") as audio:
        with watch.stage("upload"):
            form, came = await receive_files(request, boundary, [image, audio])
        AlignmentForm.model_validate(form_values(form))
        for field in ("image", "audio"):
            if field not in came:
                raise InvalidArgument(f"{field} is missing", field=field, limit="an image and a piece of music")
        wanted.image.CopyFrom(await core.store(image, owner, watch))
        wanted.audio.CopyFrom(await core.store(audio, owner, watch))
        return wanted
