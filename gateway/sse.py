"""Job events as Server-Sent Events (WHATWG HTML, "Server-sent events")."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.following import follow
from gateway.http.records import TERMINAL, job_event
from gateway.problems import problem_dict
from luce.errors import InvalidArgument, LuceError
from luce.server import errors as table
from luce.v1 import jobs_pb2

MEDIA_TYPE: Final = "text/event-stream"
KEEPALIVE: Final = b": keep-alive\n\n"
# A client whose stream broke comes back after this long, milliseconds.
_RECONNECT_MS: Final = 1000

_log = logging.getLogger(__name__)


def encode_event(name: str, data: dict[str, Any], sequence: int | None = None) -> bytes:
    """One event on the wire. JSON from orjson holds no line breaks, so one data line is enough."""
    identity = b"" if sequence is None else b"id: %d\n" % sequence
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), identity, orjson.dumps(data))


def last_event_id(value: str | None) -> int:
    """The sequence to resume after, from `Last-Event-ID`; 0: from the first event.

    Raises:
        InvalidArgument: Not a whole number.
    """
    if not value:
        return 0
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise InvalidArgument("Last-Event-ID is not an id of ours", field="Last-Event-ID", limit="a whole number")
    return int(value)


async def frames(
    events: AsyncIterator[jobs_pb2.JobEvent], *, keepalive_s: float, stop: asyncio.Event
) -> AsyncGenerator[bytes]:
    """The bytes of a stream: each event, a comment while nothing happens, and an end at the job's last event.

    Ends early when `stop` is set; a failure on the way is told as an event named "error", after which the client may
    resume.
    """
    yield b"retry: %d\n\n" % _RECONNECT_MS
    followed = follow(events, stop, keepalive_s)
    try:
        async for event in followed:
            if event is None:
                yield KEEPALIVE
                continue
            name, data = job_event(event)
            yield encode_event(name, data, event.sequence)
            if name == "state" and event.state.state in TERMINAL:
                return
    except LuceError as error:
        _log.warning("an event stream broke: %s", error.message)
        yield encode_event("error", problem_dict(table.to_problem(error)))
    finally:
        await followed.aclose()


class EventStreamResponse(Response):
    """Sends events as they come, and notices when the reader has gone or takes nothing.

    Args:
        events: What `Jobs.watch` gives.
        place: Gives the stream's place and the event that ends it (`Gateway.event_stream`).
        keepalive_s: A comment goes out after so long without an event.
        send_timeout_s: The stream is given up when one frame cannot be sent for so long.
    """

    def __init__(
        self,
        events: AsyncIterator[jobs_pb2.JobEvent],
        *,
        place: contextlib.AbstractContextManager[asyncio.Event],
        keepalive_s: float,
        send_timeout_s: float,
    ) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._place = place
        self._keepalive_s = keepalive_s
        self._send_timeout_s = send_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Plays the stream. Raises `ResourceExhausted` before the first byte where there is no place."""
        with self._place as stop:
            watcher = asyncio.create_task(_watch(receive, stop))
            content = frames(self._events, keepalive_s=self._keepalive_s, stop=stop)
            try:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for frame in content:
                    async with asyncio.timeout(self._send_timeout_s):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                watcher.cancel()
                await content.aclose()


async def _watch(receive: Receive, stop: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stop.set()
