"""`GET /v1/jobs/{id}/audio`: a piece as one sound while it is still being composed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from starlette.responses import StreamingResponse

from gateway.core import Gateway
from gateway.following import follow
from gateway.http import records
from gateway.http.answers import problems
from gateway.http.context import CoreOf, OwnerOf
from luce.errors import FailedPrecondition
from luce.v1 import mapping_pb2

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MEDIA_TYPE: Final = "audio/wav"
# Of the WAV files that chunks are: their heads have this length, and so has the one of the whole.
_HEAD_BYTES: Final = 44
_SIZES: Final = ((4, 8), (40, 44))
# "Until the stream ends", as writers of WAV to pipes say it.
_UNKNOWN: Final = b"\xff\xff\xff\xff"


@router.get(
    "/{job_id}/audio",
    response_model=None,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "WAV, 16 bit, stereo, 44.1 kHz, until the piece ends",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(401, 404, 409, 422, 429, 503),
    },
)
async def hear_job(
    job_id: Annotated[str, Path(max_length=128, description="From the job's record")],
    core: CoreOf,
    owner: OwnerOf,
    piece: Annotated[int, Query(ge=0, le=63, description="Which piece, from 0")] = 0,
) -> Response:
    """Listen to a piece that was asked for with `stream`, from its beginning, while it is composed.

    The answer begins with the first sound. It is a sketch: the finished piece is the job's result.
    """
    # Asked first, so that an unknown job is a 404.
    await core.jobs.get(job_id, owner)
    sound = _sound(core, job_id, owner, piece)
    first = await anext(sound, None)
    if first is None:
        message = "the job has told no sound of this piece: ask for `stream`, and listen within an hour"
        raise FailedPrecondition(message, field="piece", limit="a piece that is streamed")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_from(first, sound), 200, headers, MEDIA_TYPE)


async def _from(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        yield first
        async for part in rest:
            yield part


async def _sound(core: Gateway, job_id: str, owner: str, piece: int) -> AsyncGenerator[bytes]:
    """A head without a length, then the samples of each chunk; nothing where there is no chunk."""
    begun = False
    with core.event_stream() as stop:
        async with aclosing(_chunks(core, job_id, owner, piece, stop)) as chunks:
            async for chunk in chunks:
                data = await core.objects.get(chunk.audio.key, owner=owner)
                yield data[_HEAD_BYTES:] if begun else endless(data)
                begun = True


async def _chunks(
    core: Gateway, job_id: str, owner: str, piece: int, stop: asyncio.Event
) -> AsyncGenerator[mapping_pb2.AudioChunk]:
    async with aclosing(follow(core.jobs.watch(job_id, owner, 0), stop)) as events:
        async for event in events:
            if event is None:
                continue
            if event.partial.HasField("audio") and event.partial.audio.piece == piece:
                yield event.partial.audio
                if event.partial.audio.last:
                    return
            if event.HasField("state") and event.state.state in records.TERMINAL:
                return


def endless(wav: bytes) -> bytes:
    """A WAV file with its lengths unsaid, so that more samples may follow."""
    data = bytearray(wav)
    for start, stop in _SIZES:
        data[start:stop] = _UNKNOWN
    return bytes(data)
