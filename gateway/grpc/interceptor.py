"""What happens around every public gRPC call: who is calling, until when, and how errors look."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

import grpc

from gateway.auth import Keyring
from gateway.problems import log_error
from luce.errors import Unavailable
from luce.server import errors as table
from luce.server import telemetry
from luce.server.deadline import Deadline
from luce.server.metrics import Metrics

_PREFIX: Final = "/luce.v1."
_TRANSPORT: Final = "grpc"
_Context = grpc.aio.ServicerContext[Any, Any]
_owner: ContextVar[str] = ContextVar("luce_gateway_owner")


def current_owner() -> str:
    """Whose call this task serves."""
    return _owner.get()


class Door(grpc.aio.ServerInterceptor):
    """Authenticates, maps errors by the one table, and refuses calls once the gateway is closing.

    Health and reflection pass untouched.

    Args:
        keyring: Who may call.
        metrics: Where calls are counted.
        default_deadline_s: Of a unary call that brings none, seconds.
        upload_deadline_s: Of an upload that brings none, seconds.
    """

    def __init__(
        self, keyring: Keyring, metrics: Metrics, *, default_deadline_s: float, upload_deadline_s: float
    ) -> None:
        self._keyring = keyring
        self._metrics = metrics
        self._default_deadline_s = default_deadline_s
        self._upload_deadline_s = upload_deadline_s
        self.closing = False

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wraps the handler of one call."""
        handler = await continuation(handler_call_details)
        path = handler_call_details.method
        if handler is None or not path.startswith(_PREFIX):
            return handler
        codecs = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary:
            unary = self._unary(path, handler.unary_unary, self._default_deadline_s)
            return grpc.unary_unary_rpc_method_handler(unary, *codecs)
        if handler.stream_unary:
            upload = self._unary(path, handler.stream_unary, self._upload_deadline_s)
            return grpc.stream_unary_rpc_method_handler(upload, *codecs)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._stream(path, handler.unary_stream), *codecs)
        raise TypeError(f"{path} is of a kind that no service of ours has")

    def _unary(self, path: str, behaviour: Callable[..., Any], default_deadline_s: float) -> Callable[..., Any]:
        async def call(request: Any, context: _Context) -> Any:
            remaining = context.time_remaining()
            deadline = Deadline.after(default_deadline_s if remaining is None else remaining)
            async with self._guard(path, context), deadline.enforce():
                return await behaviour(request, context)

        return call

    def _stream(self, path: str, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        async def call(request: Any, context: _Context) -> None:
            # Written out and not yielded, so that all of a call happens in one task's context.
            async with self._guard(path, context):
                async for response in behaviour(request, context):
                    await context.write(response)

        return call

    @asynccontextmanager
    async def _guard(self, path: str, context: _Context) -> AsyncIterator[None]:
        service, _, method = path.removeprefix("/").rpartition("/")
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        started = time.perf_counter()
        code = grpc.StatusCode.OK
        in_progress = self._metrics.rpc_in_progress.labels(service, _TRANSPORT)
        try:
            with telemetry.server_span(path, metadata) as span, in_progress.track_inprogress():
                try:
                    if self.closing:
                        raise Unavailable("this gateway is going away", retry_after=1.0)
                    # Every call has a task, and so a context, of its own: nothing to reset.
                    _owner.set(self._keyring.owner(metadata.get("authorization"), metadata.get("x-api-key")))
                    yield
                except Exception as error:
                    known = table.from_exception(error)
                    log_error(known, error, path)
                    telemetry.mark_failed(span, known.code)
                    code, message, trailing = table.to_grpc_status(known)
                    await context.abort(code, message, trailing)
                except BaseException:
                    code = grpc.StatusCode.CANCELLED
                    raise
        finally:
            self._metrics.rpc_requests.labels(service, method, _TRANSPORT, code.name).inc()
            self._metrics.rpc_duration.labels(service, method, _TRANSPORT).observe(time.perf_counter() - started)
