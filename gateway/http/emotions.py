"""`POST /v1/emotions`: how a medium feels."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.answers import json_response, problems
from gateway.http.context import CoreOf, OwnerOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.receiving import form_values, json_fields, receive_form, unicode_text
from gateway.http.request_schemas import EmotionForm, EmotionRequest
from gateway.http.schemas import Feeling
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument
from luce.v1 import mapping_pb2

router = APIRouter(tags=["feel"])

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/EmotionForm"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/EmotionRequest"}},
    },
}


@router.post(
    "/v1/emotions",
    response_model=None,
    responses={
        200: {"model": Feeling, "description": "The emotion"},
        **problems(400, 401, 404, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def feel_medium(request: Request, core: CoreOf, owner: OwnerOf, watch: WatchOf) -> Response:
    """Valence, arousal and dominance of an image, of words or of a piece of music; of music as it goes on, too."""
    wanted = await _read(request, core, owner, watch)
    with watch.stage("feel"):
        felt = await body.unless_gone(request.receive, core.feel(wanted, owner))
    return json_response(records.feeling(felt))


async def _read(request: Request, core: Gateway, owner: str, watch: Stopwatch) -> mapping_pb2.FeelRequest:
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is None:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        told = EmotionRequest.model_validate(fields, strict=True)
        if (told.media_key is None) == (told.text is None):
            raise InvalidArgument("give one of media_key and text", field="media_key", limit="one of them")
        if told.text is not None:
            return mapping_pb2.FeelRequest(text=unicode_text("text", told.text))
        wanted = mapping_pb2.FeelRequest()
        wanted.media.key = told.media_key or ""
        return wanted
    with core.upload("media", accepts=("audio/", "image/")) as upload:
        with watch.stage("upload"):
            form, came = await receive_form(request, boundary, upload)
        EmotionForm.model_validate(form_values(form))
        if not came:
            raise InvalidArgument("there is nothing to feel: give media", field="media", limit="an image or music")
        return mapping_pb2.FeelRequest(media=await core.store(upload, owner, watch))
