"""A service process, from start to drain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from google.protobuf.descriptor import ServiceDescriptor

from luce.server.bus.connection import BusClient
from luce.server.host.dependency import Dependency
from luce.server.jobs.worker import JobWorker
from luce.server.metrics import Metrics
from luce.server.settings import HostSettings


class ServiceHost:
    """Serves servicers over gRPC and NATS, runs workers, follows dependencies, drains on SIGTERM and SIGINT.

    A servicer has one coroutine method per RPC, `async def Describe(self, request, context)`; it raises errors of
    `luce.errors` and finds its deadline in `Deadline.current()`. It must not call `context`, which over NATS is None.

    Args:
        name: of the service ("agents"), in logs, metrics and NATS.
        servicers: pairs of servicer and service descriptor
            (`agents_pb2.DESCRIPTOR.services_by_name["AgentsService"]`).
        workers: job workers to run.
        dependencies: what must work for the service to be ready; NATS is added by the host.
        settings: addresses, drain times.
        nc: a connected client; the host closes it at the end.
        warm_up: run before the service becomes ready; a failure ends the process.
        metrics: catalogue to count in; served at `/metrics`.
    """

    def __init__(
        self,
        name: str,
        *,
        nc: BusClient,
        servicers: Sequence[tuple[object, ServiceDescriptor]] = (),
        workers: Sequence[JobWorker] = (),
        dependencies: Sequence[Dependency] = (),
        settings: HostSettings | None = None,
        warm_up: Callable[[], Awaitable[object]] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop()`, then drain: not ready, wait, stop intake, finish or hand back."""
        raise NotImplementedError

    def stop(self) -> None:
        """Begin the drain, as SIGTERM does."""
        raise NotImplementedError

    @property
    def grpc_port(self) -> int:
        """The port that gRPC listens on, once `run` has opened it."""
        raise NotImplementedError

    @property
    def http_port(self) -> int:
        """The port of `/livez`, `/readyz` and `/metrics`, once `run` has opened it."""
        raise NotImplementedError
