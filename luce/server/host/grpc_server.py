"""The gRPC side of a service: handlers from descriptors, health, reflection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from luce.errors import LuceError
from luce.server.deadline import Deadline
from luce.server.errors import to_grpc_status
from luce.server.host.guard import Guard
from luce.server.host.methods import Method
from luce.server.settings import HostSettings

TRANSPORT: Final = "grpc"
_Context = grpc.aio.ServicerContext[Any, Any]
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class GrpcServer:
    """One gRPC server.

    Args:
        methods: of all services.
        guard: around every call; health and reflection go past it.
        settings: address and bounds.
    """

    def __init__(self, methods: Sequence[Method], guard: Guard, settings: HostSettings) -> None:
        self._guard = guard
        self.services = tuple(dict.fromkeys(method.service for method in methods))
        self._health = health.aio.HealthServicer()
        self._address = settings.grpc_address
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_send_message_length", settings.max_message_bytes),
                ("grpc.max_receive_message_length", settings.max_message_bytes),
                # Two processes on one port would share the calls by chance.
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 5000),
            ],
            # The guard refuses with a hint before this does without one.
            maximum_concurrent_rpcs=settings.max_concurrent_rpcs + 64,
        )
        for service in self.services:
            handlers = {method.name: self._handler(method) for method in methods if method.service == service}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*self.services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    async def start(self) -> int:
        """Listen, not serving yet; answers the port. Raises `OSError` where the address is taken."""
        for service in ("", *self.services):
            await self._health.set(service, _NOT_SERVING)
        try:
            port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(f"gRPC cannot listen on {self._address}") from error
        await self._server.start()
        return int(port)

    async def set_serving(self, service: str, serving: bool) -> None:
        """Tell the health of one service; "": of the process."""
        await self._health.set(service, _SERVING if serving else _NOT_SERVING)

    async def refuse(self) -> None:
        """Tell every watcher that nothing is served any more, for good."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, and cancel those that last longer."""
        await self._server.stop(grace_s)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        make: Callable[..., grpc.RpcMethodHandler[Any, Any]]
        if method.server_streaming:
            make = (
                grpc.stream_stream_rpc_method_handler
                if method.client_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            behaviour: Callable[..., Any] = self._streaming(method)
        else:
            make = (
                grpc.stream_unary_rpc_method_handler if method.client_streaming else grpc.unary_unary_rpc_method_handler
            )
            behaviour = self._single(method)
        return make(
            behaviour,
            request_deserializer=method.request_class.FromString,
            response_serializer=method.response_class.SerializeToString,
        )

    def _single(self, method: Method) -> Callable[[Any, _Context], Any]:
        async def call(request: Any, context: _Context) -> Any:
            try:
                async with self._guard.around(method, TRANSPORT, _carrier(context), _deadline(context)):
                    return await method.behaviour(request, None)
            except LuceError as error:
                await context.abort(*to_grpc_status(error))

        return call

    def _streaming(self, method: Method) -> Callable[[Any, _Context], Any]:
        async def call(request: Any, context: _Context) -> None:
            # Written out and not yielded: all of a call then happens in one task's context.
            try:
                async with self._guard.around(method, TRANSPORT, _carrier(context), _deadline(context)):
                    responses: AsyncIterator[Any] = method.behaviour(request, None)
                    async for response in responses:
                        await context.write(response)
            except LuceError as error:
                await context.abort(*to_grpc_status(error))

        return call


def _carrier(context: _Context) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def _deadline(context: _Context) -> Deadline | None:
    remaining = context.time_remaining()
    return None if remaining is None else Deadline.after(remaining)
