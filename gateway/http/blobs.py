"""`/v1/blobs`: files in, files out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.responses import StreamingResponse

from gateway.core import Gateway
from gateway.http import body, records
from gateway.http.answers import json_response, problems
from gateway.http.context import CoreOf, OwnerOf, WatchOf
from gateway.http.multipart import boundary_of
from gateway.http.receiving import receive_form
from gateway.http.schemas import Blob
from gateway.uploads import safe_filename
from luce.errors import InvalidArgument
from luce.v1 import media_pb2

router = APIRouter(prefix="/v1/blobs", tags=["files"])

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
                "additionalProperties": False,
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


@router.post(
    "",
    status_code=201,
    response_model=None,
    responses={201: {"model": Blob}, **problems(400, 401, 413, 415, 422, 429, 503)},
    openapi_extra={"requestBody": _BODY},
)
async def upload_blob(request: Request, core: CoreOf, owner: OwnerOf, watch: WatchOf) -> Response:
    """Store audio or an image, as a form with the field `file` or as the bare body; its key goes into requests."""
    boundary = boundary_of(request.headers.get("content-type", ""))
    with core.upload("file", accepts="") as upload:
        with watch.stage("upload"):
            if boundary:
                fields, came = await receive_form(request, boundary, upload)
                if fields or not came:
                    stray = next(iter(fields), "file")
                    raise InvalidArgument("the form has exactly one field, `file`", field=stray, limit="file")
            else:
                upload.expect(body.content_length(dict(request.scope["headers"])) or 0)
                async for chunk in body.chunks(request.receive):
                    upload.write(chunk)
        ref = await core.store(upload, owner, watch)
    return json_response(records.blob(ref), 201, {"Location": records.blob_url(ref.key)})


@router.get(
    "/{key:path}",
    response_model=None,
    responses={
        200: {
            "description": "The bytes, under their own media type",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(401, 404, 503),
    },
)
async def get_blob(
    key: Annotated[str, Path(max_length=512)],
    core: CoreOf,
    owner: OwnerOf,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Read a file back: an upload of the caller's, or a result or preview of the caller's job."""
    return await blob_response(core, await core.objects.info(key, owner), owner, if_none_match)


async def blob_response(core: Gateway, ref: media_pb2.BlobRef, owner: str, if_none_match: str | None) -> Response:
    """The bytes of a blob as they come from the store, or 304 where the client has them."""
    tag = f'"{ref.sha256}"'
    name = safe_filename(ref.filename, "file")
    headers = {
        "ETag": tag,
        # A key never changes its bytes; they are the caller's own, so no shared cache may keep them.
        "Cache-Control": "private, max-age=3600, immutable",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }
    if if_none_match and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    pieces = core.objects.stream(ref.key, owner=owner)
    # The first piece is read before the answer starts, so that a lost blob is a problem and no broken download.
    first = await anext(pieces, b"")
    headers["Content-Length"] = str(ref.size)
    return StreamingResponse(_chain(first, pieces), 200, headers, ref.media_type)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
