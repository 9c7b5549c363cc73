"""Both doors over one core, from start to drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.auth import Keyring
from gateway.core import Gateway
from gateway.grpc.interceptor import Door
from gateway.grpc.server import GrpcDoor
from gateway.http import app as http_app
from gateway.http.server import HttpDoor
from luce.server.host import Dependency
from luce.server.host.lifecycle import Lifecycle, ServiceState
from luce.server.metrics import Metrics
from luce.server.settings import HostSettings

_log = logging.getLogger(__name__)


class GatewayServer:
    """Serves, and drains at the end: not ready, wait, stop intake, finish, close.

    Args:
        core: The gateway.
        dependencies: "nats", "triton", "agents" and "mapping".
        metrics: What `/metrics` shows.
        host: How long to drain, largest message, most calls.
    """

    def __init__(self, core: Gateway, dependencies: Sequence[Dependency], metrics: Metrics, host: HostSettings) -> None:
        settings = core.settings
        keyring = Keyring({name: digest.get_secret_value() for name, digest in settings.api_keys.items()})
        self.core = core
        self._host = host
        self.lifecycle = Lifecycle(
            "gateway",
            dependencies,
            metrics,
            interval_s=host.dependency_interval_s,
            timeout_s=host.dependency_timeout_s,
            changed=self._show_health,
        )
        door = Door(
            keyring,
            metrics,
            default_deadline_s=settings.request_timeout_s,
            upload_deadline_s=settings.upload_timeout_s,
        )
        self._http = HttpDoor(
            http_app.build(core, self.lifecycle, metrics, keyring),
            address=settings.http_address,
            max_requests=settings.max_requests,
            drain_timeout_s=host.drain_timeout_s,
        )
        self._grpc = GrpcDoor(
            core,
            door,
            address=settings.grpc_address,
            max_message_bytes=host.max_message_bytes,
            max_calls=settings.max_requests,
        )

    @property
    def http_port(self) -> int:
        """The port of the HTTP door."""
        return self._http.port

    @property
    def grpc_port(self) -> int:
        """The port of the gRPC door."""
        return self._grpc.port

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until `stopping` is set, then drains."""
        await self._http.start()
        await self._grpc.start()
        _log.info("the gateway serves HTTP on port %d and gRPC on port %d", self.http_port, self.grpc_port)
        following = asyncio.create_task(self.lifecycle.follow(), name="dependencies")
        try:
            await stopping.wait()
        finally:
            await self._drain()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _show_health(self) -> None:
        await self._grpc.show_health(self.lifecycle)

    async def _drain(self) -> None:
        await self.lifecycle.enter(ServiceState.DRAINING)
        await asyncio.sleep(self._host.drain_wait_s)
        self.core.drain()
        await asyncio.gather(self._http.stop(), self._grpc.stop(self._host.drain_timeout_s))
        _log.info("drained")
