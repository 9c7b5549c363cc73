"""Request bodies, read within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

import orjson
from starlette.types import Receive

from luce.errors import Cancelled, InvalidArgument, PayloadTooLarge, RequestError

T = TypeVar("T")


def content_length(headers: dict[bytes, bytes]) -> int | None:
    """The announced size of the body, bytes; None where it is not announced."""
    value = headers.get(b"content-length", b"")
    return int(value) if value.isdigit() else None


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes.

    Raises:
        Cancelled: The client went away before its end.
    """
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Cancelled("the client went away")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def read_body(receive: Receive, headers: dict[bytes, bytes], most: int) -> bytes:
    """The whole body.

    Raises:
        PayloadTooLarge: More than `most` bytes are announced or come.
    """
    refusal = PayloadTooLarge(f"the body has more than {most} bytes", field="body", limit=f"{most} bytes")
    if (content_length(headers) or 0) > most:
        raise refusal
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) > most:
            raise refusal
        return whole
    data = bytearray(message.get("body", b""))
    async for chunk in chunks(receive):
        data += chunk
        if len(data) > most:
            raise refusal
    return bytes(data)


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RequestError: Not JSON.
        InvalidArgument: JSON, and not an object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}", field="body") from error
    if not isinstance(value, dict):
        raise InvalidArgument("the body is not a JSON object", field="body", limit="a JSON object")
    return value


async def unless_gone(receive: Receive, work: Awaitable[T]) -> T:
    """Waits for work, but no longer than the client does. The body must have been read.

    Raises:
        Cancelled: The client went away; the work was cancelled.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Cancelled("the client went away")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
