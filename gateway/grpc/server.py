"""The gRPC door: services, health, reflection. Wiring only."""

from __future__ import annotations

from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.core import Gateway
from gateway.grpc.agents import AgentsServicer
from gateway.grpc.interceptor import Door
from gateway.grpc.jobs import JobsServicer
from gateway.grpc.mapping import MappingServicer
from gateway.grpc.media import MediaServicer
from luce.server.host.lifecycle import Lifecycle
from luce.v1 import agents_pb2_grpc, jobs_pb2_grpc, mapping_pb2_grpc, media_pb2_grpc

SERVICES: Final = tuple(f"luce.v1.{name}Service" for name in ("Agents", "Jobs", "Mapping", "Media"))


class GrpcDoor:
    """The public gRPC server.

    Args:
        core: The gateway.
        door: Wraps every call.
        address: HOST:PORT; port 0 takes a free one.
        max_message_bytes: Largest message, either way.
        max_calls: Calls in progress; more are refused.
    """

    def __init__(self, core: Gateway, door: Door, *, address: str, max_message_bytes: int, max_calls: int) -> None:
        self._door = door
        self._server = grpc.aio.server(
            interceptors=[door],
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", max_message_bytes),
                ("grpc.so_reuseport", 0),
                # Clients may keep idle connections alive; more often than every 10 s is a nuisance.
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
            maximum_concurrent_rpcs=max_calls,
        )
        jobs_pb2_grpc.add_JobsServiceServicer_to_server(JobsServicer(core), self._server)
        media_pb2_grpc.add_MediaServiceServicer_to_server(MediaServicer(core), self._server)
        mapping_pb2_grpc.add_MappingServiceServicer_to_server(MappingServicer(core), self._server)
        agents_pb2_grpc.add_AgentsServiceServicer_to_server(AgentsServicer(core), self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self.port: int = self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Begins to serve."""
        await self._server.start()

    async def show_health(self, lifecycle: Lifecycle) -> None:
        """Sets the health of each service, and of the server as a whole ("")."""
        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", *SERVICES):
            await self._health.set(service, serving if lifecycle.serves(service) else not_serving)

    async def stop(self, grace_s: float) -> None:
        """Takes no new calls, lets those under way finish for `grace_s` seconds, then cuts them off."""
        self._door.closing = True
        await self._server.stop(grace_s)
