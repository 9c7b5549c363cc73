"""Bodies with one file: a form that carries it, or JSON that names an upload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import Request

from gateway.http import body
from gateway.http.multipart import FormReader
from gateway.stopwatch import Stopwatch
from gateway.uploads import Upload
from luce.errors import InvalidArgument, PayloadTooLarge, UnsupportedMediaType

# What a form may weigh beside its file: boundaries, part headers, the other fields.
_FORM_OVERHEAD: Final = 256 * 1024


async def receive_form(request: Request, boundary: bytes, upload: Upload) -> tuple[dict[str, str], bool]:
    """The form's other fields, and whether the file came.

    A body that is announced as larger than any file may be is refused before a byte of it is read; one that is not
    announced, as soon as it passes the limit. The connection stays open, because many clients read no answer before
    they have sent everything, and would see a reset instead of the problem; the server throws away what still comes.

    Raises:
        PayloadTooLarge, UnsupportedMediaType, ResourceExhausted: From the upload.
        InvalidArgument, RequestError: From the form.
    """
    came = False

    def open_file(field: str, filename: str, _media_type: str) -> Upload:
        nonlocal came
        if field != upload.field:
            raise InvalidArgument(f"there is no file field {field!r}", field=field, limit=upload.field)
        came = True
        upload.filename = filename
        return upload

    announced = body.content_length(dict(request.scope["headers"]))
    if announced is not None:
        if announced > upload.max_bytes + _FORM_OVERHEAD:
            limit = f"{upload.max_bytes} bytes"
            message = f"the body has {announced} bytes; {upload.field} may have at most {limit}"
            raise PayloadTooLarge(message, field=upload.field, limit=limit)
        upload.expect(max(0, announced - _FORM_OVERHEAD))
    reader = FormReader(boundary, open_file, frozenset({upload.field}))
    await reader.read(body.chunks(request.receive))
    return reader.fields, came


async def receive_fields(request: Request, boundary: bytes, most: int) -> dict[str, str]:
    """The fields of a form without a file.

    Raises:
        PayloadTooLarge: It has more than `most` bytes.
        InvalidArgument, RequestError: From the form; a file among its fields.
    """

    def refuse(field: str, _filename: str, _media_type: str) -> Upload:
        raise InvalidArgument(f"there is no file field {field!r}", field=field, limit="text")

    reader = FormReader(boundary, refuse, frozenset())
    await reader.read(_bounded(body.chunks(request.receive), most))
    return reader.fields


async def _bounded(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            limit = f"{most} bytes"
            raise PayloadTooLarge(f"the body has more than {limit}", field="body", limit=limit)
        yield chunk


async def json_fields(request: Request, content_type: str, most: int, watch: Stopwatch) -> dict[str, Any]:
    """The fields of a JSON body.

    Raises:
        UnsupportedMediaType: The body says that it is something else.
        RequestError, InvalidArgument, PayloadTooLarge: It is no JSON object, or larger than `most` bytes.
    """
    if content_type.partition(";")[0].strip().lower() not in ("", "application/json"):
        limit = "application/json or multipart/form-data"
        raise UnsupportedMediaType(f"the body is {content_type[:100]!r}", field="content-type", limit=limit)
    with watch.stage("upload"):
        raw = await body.read_body(request.receive, dict(request.scope["headers"]), most)
    return body.parse_object(raw)


def form_values(fields: dict[str, str]) -> dict[str, Any]:
    """The fields of a form, without those that are empty: a form sends every field, filled in or not."""
    return {name: value for name, value in fields.items() if value != ""}


def unicode_text(field: str, text: str) -> str:
    """The text as it is. Raises `InvalidArgument` where it holds half a surrogate pair, which no message can."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{field} holds half a character", field=field, limit="valid Unicode") from error
    return text
