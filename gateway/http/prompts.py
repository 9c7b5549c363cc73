"""`POST /v1/prompts`: what the agents would have painted."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from gateway import admission
from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.answers import json_response, problems
from gateway.http.context import CoreOf, OwnerOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.painting import set_agents
from gateway.http.receiving import form_values, json_fields, receive_form, unicode_text
from gateway.http.request_schemas import PromptForm, PromptOptions, PromptRequest
from gateway.http.schemas import Prompts
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument
from luce.v1 import agents_pb2, media_pb2

router = APIRouter(tags=["imagine"])

_COUNT: Final = 4
_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/PromptForm"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/PromptRequest"}},
    },
}


@router.post(
    "/v1/prompts",
    response_model=None,
    responses={
        200: {"model": Prompts, "description": "The prompts, and what was heard"},
        **problems(400, 401, 404, 413, 415, 422, 429, 503, 504),
    },
    openapi_extra={"requestBody": _BODY},
)
async def imagine_prompts(request: Request, core: CoreOf, owner: OwnerOf, watch: WatchOf) -> Response:
    """Turn music, words or both into prompts for pictures, without painting them; with `explain`, tell who chose what.

    Music is listened to in place, however long it is: within the request's own time.
    """
    audio, options = await _read(request, core, owner, watch)
    for field, value, allowed in (("n", options.n, admission.PICTURES), ("seed", options.seed, admission.SEED)):
        if value is not None:
            admission.check_number(field, value, allowed)
    text = unicode_text("text", options.text)
    if audio is None and not text.strip():
        raise InvalidArgument("there is nothing to imagine from: give audio, text, or both", field="audio")
    wanted = agents_pb2.ImagineRequest(
        text=text, count=_COUNT if options.n is None else options.n, seed=options.seed or 0
    )
    set_agents(wanted, options)
    # All of it before the music is listened to.
    admission.check_text("text", text, admission.PROMPT_CHARACTERS)
    admission.check_agents(wanted.agents)
    if audio is not None:
        with watch.stage("describe"):
            heard = core.describe(agents_pb2.DescribeRequest(audio=audio), owner)
            wanted.description.CopyFrom((await body.unless_gone(request.receive, heard)).description)
    with watch.stage("imagine"):
        imagined = await body.unless_gone(request.receive, core.imagine(wanted))
    return json_response(
        {
            "prompts": [records.prompt(prompt) for prompt in imagined.prompts],
            "music": records.music(wanted.description) if audio is not None else None,
            "report": records.report(imagined.report) if imagined.HasField("report") else None,
        }
    )


async def _read(
    request: Request, core: Gateway, owner: str, watch: Stopwatch
) -> tuple[media_pb2.BlobRef | None, PromptOptions]:
    """The stored music, None without, and the options."""
    content_type = request.headers.get("content-type", "")
    boundary = boundary_of(content_type)
    if boundary is None:
        fields = await json_fields(request, content_type, core.settings.max_json_bytes, watch)
        options = PromptRequest.model_validate(fields, strict=True)
        if options.audio_key is None:
            return None, options
        return await core.own_audio(options.audio_key, owner, "audio_key"), options
    with core.upload("audio") as upload:
        with watch.stage("upload"):
            form, came = await receive_form(request, boundary, upload)
        chosen = PromptForm.model_validate(form_values(form))
        return await core.store(upload, owner, watch) if came else None, chosen
