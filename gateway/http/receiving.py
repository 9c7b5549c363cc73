"""A form with one file, received into an `Upload`."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from gateway.http import body
from gateway.http.multipart import FormReader
from gateway.uploads import Upload
from luce.errors import InvalidArgument, PayloadTooLarge

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
