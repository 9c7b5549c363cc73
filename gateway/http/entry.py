"""The outermost layer of the HTTP door: who is calling, until when, under which id, and how it went.

It is plain ASGI, and the hot routes hang on it directly: FastAPI's request handling costs more than the work of a small
model.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth import Keyring
from gateway.problems import log_error, problem_response
from gateway.settings import GatewaySettings
from gateway.stopwatch import Stopwatch
from luce.errors import ResourceExhausted
from luce.server import errors as table
from luce.server import telemetry
from luce.server.deadline import HTTP_HEADER, Deadline
from luce.server.metrics import Metrics

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TIMEOUT_HEADER: Final = HTTP_HEADER.lower().encode()
_GUARDED_PREFIX: Final = "/v1/"
_TRANSFERS: Final = (
    "/v1/images/generations",
    "/v1/descriptions",
    "/v1/emotions",
    "/v1/prompts",
    "/v1/scores",
    "/v1/compositions",
    "/v1/blobs",
)
# Asked for every second or so by machines; they are no traffic.
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Entry:
    """Wraps the application.

    Args:
        app: FastAPI's part.
        hot: Path to plain ASGI application, for the routes where microseconds count.
        keyring: Who may call `/v1/...`.
        settings: How long requests may take.
        metrics: Where requests are counted.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hot: Mapping[str, ASGIApp],
        keyring: Keyring,
        settings: GatewaySettings,
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._hot = hot
        self._keyring = keyring
        self._settings = settings
        self._metrics = metrics
        self._in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        self._in_progress += 1
        try:
            await self._follow(scope, receive, send)
        finally:
            self._in_progress -= 1

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        traceparent = _text(headers.get(b"traceparent"))
        carrier = {"traceparent": traceparent} if traceparent else {}
        watch = Stopwatch()
        scope.setdefault("state", {})["watch"] = watch
        with (
            telemetry.server_span(f"HTTP {scope['method']}", carrier),
            self._metrics.http_in_progress.track_inprogress(),
        ):
            answer = _Answer(send, watch, _request_id(headers))
            try:
                await self._serve(scope, receive, answer, headers)
            finally:
                self._count(scope, answer.status, watch.elapsed)

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer, headers: Mapping[bytes, bytes]) -> None:
        path: str = scope["path"]
        try:
            self._admit()
            if path.startswith(_GUARDED_PREFIX):
                authorization, api_key = headers.get(b"authorization"), headers.get(b"x-api-key")
                scope["state"]["owner"] = self._keyring.owner(_text(authorization), _text(api_key))
            async with self._deadline(path, headers).enforce():
                await self._hot.get(path, self._app)(scope, receive, answer.send)
        except Exception as error:
            # FastAPI answers what its routes did not foresee, and raises it again to be logged.
            known = table.from_exception(error)
            log_error(known, error, f"{scope['method']} {path}")
            if not answer.status:
                await problem_response(known, path=path)(scope, receive, answer.send)
            elif not answer.finished:
                raise

    def _admit(self) -> None:
        most = self._settings.max_requests
        if self._in_progress > most:
            raise ResourceExhausted("too many requests are in progress", limit=f"{most} requests", retry_after=1.0)

    def _deadline(self, path: str, headers: Mapping[bytes, bytes]) -> Deadline:
        """What the client asks for, or else what such a request may take."""
        asked = headers.get(_TIMEOUT_HEADER)
        if asked is not None:
            return Deadline.from_seconds(asked.decode("latin-1"))
        if path.endswith(("/events", "/audio")):
            # Ends with the job, whose time is limited.
            return Deadline.NEVER
        if path.startswith(_TRANSFERS):
            return Deadline.after(self._settings.upload_timeout_s + self._settings.max_wait_s)
        return Deadline.after(self._settings.request_timeout_s)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        path: str = scope["path"]
        # The template of the route, never the path: labels come from closed sets.
        route = path if path in self._hot else getattr(scope.get("route"), "path", "unmatched")
        self._metrics.http_requests.labels(method, route, str(status or 499)).inc()
        self._metrics.http_duration.labels(method, route).observe(seconds)


class _Answer:
    """What has been sent, with the headers that every answer carries.

    Attributes:
        status: The HTTP status, 0 until the answer has begun.
        finished: Whether its last byte was sent.
    """

    def __init__(self, send: Send, watch: Stopwatch, request_id: bytes) -> None:
        self.status = 0
        self.finished = False
        self._send = send
        self._watch = watch
        self._request_id = request_id

    async def send(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers()]
        await self._send(message)
        self.finished = message["type"] == "http.response.body" and not message.get("more_body", False)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        carried = telemetry.inject({})
        headers = [(b"x-request-id", self._request_id), (b"server-timing", self._watch.server_timing().encode())]
        return headers + [(name.encode(), value.encode()) for name, value in carried.items()]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _request_id(headers: Mapping[bytes, bytes]) -> bytes:
    given = headers.get(b"x-request-id", b"")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex.encode()
