"""Bodies with one file: a form that carries it, or JSON that names an upload."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The form's other fields, and whether the file came. Raises as `receive_files`."""
    fields, came = await receive_files(request, boundary, [upload])
    return fields, bool(came)


async def receive_files(
    request: Request, boundary: bytes, uploads: Sequence[Upload]
) -> tuple[dict[str, str], set[str]]:
    """The form's other fields, and the names of the files that came.

    A body that is announced as larger than any file may be is refused before a byte of it is read; one that is not
    announced, as soon as it passes the limit. The connection stays open, because many clients read no answer before
    they have sent everything, and would see a reset instead of the problem; the server throws away what still comes.

    Raises:
        PayloadTooLarge, UnsupportedMediaType, ResourceExhausted: From the upload.
        InvalidArgument, RequestError: From the form.
    """
    places = {upload.field: upload for upload in uploads}
    came: set[str] = set()

    def open_file(field: str, filename: str, _media_type: str) -> Upload:
        if field not in places:
            raise InvalidArgument(f"there is no file field {field!r}", field=field, limit=", ".join(places))
        if field in came:
            raise InvalidArgument(f"{field} came twice", field=field, limit="one file")
        came.add(field)
        places[field].filename = filename
        return places[field]

    announced = body.content_length(dict(request.scope["headers"]))
    if announced is not None:
        most, names = sum(upload.max_bytes for upload in uploads), ", ".join(places)
        if announced > most + _FORM_OVERHEAD:
            limit = f"{most} bytes"
            message = f"the body has {announced} bytes; {names} may have at most {limit}"
            raise PayloadTooLarge(message, field=names, limit=limit)
        if len(uploads) == 1:
            uploads[0].expect(max(0, announced - _FORM_OVERHEAD))
    reader = FormReader(boundary, open_file, frozenset(places))
    await reader.read(body.chunks(request.receive))
    return reader.fields, came


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
