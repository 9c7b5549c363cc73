"""`/v1/jobs`: look, list, follow, fetch, cancel."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from gateway.core import Gateway
from gateway.http import records
from gateway.http.answers import json_response, problems
from gateway.http.blobs import blob_response
from gateway.http.context import CoreOf, OwnerOf
from gateway.http.schemas import Job, JobList
from gateway.sse import MEDIA_TYPE, EventStreamResponse, last_event_id
from luce.errors import FailedPrecondition, InvalidArgument, NotFound
from luce.v1 import jobs_pb2

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(max_length=128, description="From the job's record")]


@router.get("", response_model=None, responses={200: {"model": JobList}, **problems(401, 422, 503)})
async def list_jobs(
    core: CoreOf,
    owner: OwnerOf,
    page_size: Annotated[int, Query(ge=1, le=100, description="Most jobs on the page")] = 20,
    page_token: Annotated[str, Query(max_length=512, description="`next_page_token` of the last page")] = "",
    state: Annotated[list[str] | None, Query(description="Only these states; may be given several times")] = None,
) -> Response:
    """The caller's jobs, newest first."""
    found, following = await core.jobs.list(owner, page_size, page_token, [_state(name) for name in state or ()])
    page = {"object": "list", "data": [records.job_record(job) for job in found], "next_page_token": following or None}
    return json_response(page)


def _state(name: str) -> jobs_pb2.JobState.ValueType:
    if name not in records.STATE_OF_NAME:
        allowed = ", ".join(records.STATE_OF_NAME)
        raise InvalidArgument(f"there is no state {name[:32]!r}; there are {allowed}", field="state", limit=allowed)
    return records.STATE_OF_NAME[name]


@router.get("/{job_id}", response_model=None, responses={200: {"model": Job}, **problems(401, 404, 503)})
async def get_job(job_id: JobId, core: CoreOf, owner: OwnerOf) -> Response:
    """A job's record: state, position, progress, ETA, timings, seed, models."""
    return json_response(records.job_record(await core.jobs.get(job_id, owner)))


@router.delete("/{job_id}", response_model=None, responses={200: {"model": Job}, **problems(401, 404, 409, 503)})
async def cancel_job(job_id: JobId, core: CoreOf, owner: OwnerOf) -> Response:
    """Cancel a job. Cancelled twice, it answers the same; 409 where it ended before."""
    return json_response(records.job_record(await core.jobs.cancel(job_id, owner)))


@router.get(
    "/{job_id}/result",
    response_model=None,
    responses={
        200: {
            "description": (
                "The picture, or the piece of music; JSON of several, under `Accept: application/json`, or of a "
                "description"
            ),
            "content": {
                "image/png": {"schema": {"type": "string", "format": "binary"}},
                "audio/*": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {"$ref": f"#/components/schemas/{kind}"}
                            for kind in ("PaintResult", "Music", "CompositionResult", "ScoreResult")
                        ]
                    }
                },
            },
        },
        **problems(401, 404, 409, 422, 503),
    },
)
async def get_result(
    request: Request,
    job_id: JobId,
    core: CoreOf,
    owner: OwnerOf,
    index: Annotated[int | None, Query(ge=0, description="Which picture or piece, from 0")] = None,
    part: Annotated[
        Literal["audio", "midi", "piano_roll", "video"] | None, Query(description="Of a piece: which of its files")
    ] = None,
) -> Response:
    """What the job made: the picture or the music where it is one, or with `index`; else JSON with links."""
    job = await core.jobs.get(job_id, owner)
    if job.state != jobs_pb2.JOB_STATE_SUCCEEDED:
        state = records.STATES.get(job.state, "queued")
        why = f": {job.problem.message}" if job.HasField("problem") else ""
        raise FailedPrecondition(f"the job is {state}{why}; only one that succeeded has a result", limit="succeeded")
    if job.result.WhichOneof("value") in ("compose", "score"):
        return await _written_result(request, job, core, owner, index, part)
    images = job.result.paint.images
    if job.result.HasField("describe"):
        return json_response(records.job_record(job)["result"])
    if index is None and job.result.paint.HasField("animation") and not _wants_json(request.headers.get("accept", "")):
        film = job.result.paint.animation
        return await blob_response(core, film.file, owner, request.headers.get("if-none-match"))
    if index is None and (len(images) != 1 or _wants_json(request.headers.get("accept", ""))):
        return json_response(records.job_record(job)["result"])
    if (index or 0) >= len(images):
        raise NotFound(f"the job made {len(images)} pictures", field="index", limit=f"0..{len(images) - 1}")
    return await blob_response(core, images[index or 0].image, owner, request.headers.get("if-none-match"))


async def _written_result(
    request: Request, job: jobs_pb2.Job, core: Gateway, owner: str, index: int | None, part: str | None
) -> Response:
    """One file of one piece; JSON of all where neither is named and there are several, or where JSON is wanted."""
    pieces = (job.result.compose if job.result.HasField("compose") else job.result.score).pieces
    told = index is not None or part is not None
    if not told and (len(pieces) != 1 or _wants_json(request.headers.get("accept", ""))):
        return json_response(records.job_record(job)["result"])
    if (index or 0) >= len(pieces):
        raise NotFound(f"the job wrote {len(pieces)} pieces", field="index", limit=f"0..{len(pieces) - 1}")
    chosen, wanted = pieces[index or 0], part or "audio"
    if not records.has_part(chosen, wanted):
        raise NotFound(f"the piece has no {wanted}", field="part", limit="a part that was asked for")
    return await blob_response(core, getattr(chosen, wanted), owner, request.headers.get("if-none-match"))


def _wants_json(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip() for part in accept.lower().split(",")]
    return "application/json" in kinds and not any(kind.startswith(("image/", "audio/", "video/")) for kind in kinds)


@router.get(
    "/{job_id}/events",
    response_model=None,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "`state`, `progress`, `preview` and `partial` events until the job ends",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        **problems(401, 404, 422, 429, 503),
    },
)
async def follow_job(
    job_id: JobId,
    core: CoreOf,
    owner: OwnerOf,
    last_event: Annotated[str | None, Header(alias="Last-Event-ID", description="Resume after this event")] = None,
) -> Response:
    """What has happened to a job, then what happens, as Server-Sent Events; the id of an event is its sequence."""
    after = last_event_id(last_event)
    # Asked first, so that an unknown job is a 404 and no stream.
    await core.jobs.get(job_id, owner)
    return EventStreamResponse(
        core.jobs.watch(job_id, owner, after),
        place=core.event_stream(),
        keepalive_s=core.settings.event_keepalive_s,
        send_timeout_s=core.settings.event_send_timeout_s,
    )
