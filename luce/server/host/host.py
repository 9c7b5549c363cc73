"""A service process, from start to drain."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import nats.errors
from google.protobuf.descriptor import ServiceDescriptor

from luce._version import __version__
from luce.errors import Unavailable
from luce.server.bus.connection import BusClient
from luce.server.host.dependency import Dependency
from luce.server.host.grpc_server import GrpcServer
from luce.server.host.guard import Guard
from luce.server.host.http import OperationsServer, Page
from luce.server.host.lifecycle import Lifecycle, ServiceState
from luce.server.host.methods import methods_of
from luce.server.host.micro import MicroService
from luce.server.jobs.worker import JobWorker
from luce.server.metrics import CONTENT_TYPE, Metrics
from luce.server.settings import HostSettings

log = logging.getLogger(__name__)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_RETRY_S: Final = 0.5
_CLOSE_S: Final = 3.0


class ServiceHost:
    """Serves servicers over gRPC and NATS, runs workers, follows dependencies, drains on SIGTERM and SIGINT.

    A servicer has one coroutine method per RPC, `async def Describe(self, request, context)`; it raises errors of
    `luce.errors` and finds its deadline in `Deadline.current()`. `context` is None: nothing of a transport gets in.

    Args:
        name: of the service ("agents"), in logs, metrics and NATS.
        nc: a connected client; the host closes it at the end.
        servicers: pairs of servicer and service descriptor
            (`agents_pb2.DESCRIPTOR.services_by_name["AgentsService"]`).
        workers: job workers to run.
        dependencies: what must work for the service to be ready; NATS is added by the host.
        settings: addresses, drain times.
        warm_up: run before the service takes work; a failure ends the process.
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
        self._name = name
        self._nc = nc
        self._workers = tuple(workers)
        self._settings = settings or HostSettings()
        self._warm_up = warm_up
        self.metrics = metrics or Metrics(process=True)
        methods = [method for servicer, descriptor in servicers for method in methods_of(servicer, descriptor)]
        self._guard = Guard(
            self.metrics,
            default_deadline_s=self._settings.default_deadline_s,
            limit=self._settings.max_concurrent_rpcs,
        )
        self._grpc = GrpcServer(methods, self._guard, self._settings)
        self._micro = MicroService(nc, name, __version__, methods, self._guard)
        self._lifecycle = Lifecycle(
            name,
            [Dependency("nats", self._check_nats), *dependencies],
            self.metrics,
            interval_s=self._settings.dependency_interval_s,
            timeout_s=self._settings.dependency_timeout_s,
            changed=self._on_change,
        )
        self._http = OperationsServer(
            self._settings.http_address,
            {"/livez": lambda: Page(200, b"ok\n"), "/readyz": self._readyz, "/metrics": self._metrics_page},
        )
        self._stop = asyncio.Event()
        self._started_workers: list[JobWorker] = []
        self._grpc_port = self._http_port = 0

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop()`, then drain: not ready, wait, stop intake, finish or hand back."""
        loop = asyncio.get_running_loop()
        # Before anything slow: a signal during the warm-up ends it.
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.stop)
        following: asyncio.Task[None] | None = None
        try:
            self._http_port = await self._http.start()
            self._grpc_port = await self._grpc.start()
            log.info("%s: gRPC on port %d, HTTP on port %d", self._name, self._grpc_port, self._http_port)
            await self._lifecycle.enter(ServiceState.WARMING)
            if await self._unless_stopped(self._prepare()):
                following = asyncio.create_task(self._lifecycle.follow(), name="dependencies")
                await self._unless_stopped(_outlive(following))
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            await self._drain()
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begin the drain, as SIGTERM does."""
        self._stop.set()

    @property
    def state(self) -> ServiceState:
        """Where the service is in its life."""
        return self._lifecycle.state

    @property
    def grpc_port(self) -> int:
        """The port that gRPC listens on, once `run` has opened it."""
        return self._grpc_port

    @property
    def http_port(self) -> int:
        """The port of `/livez`, `/readyz` and `/metrics`, once `run` has opened it."""
        return self._http_port

    async def _prepare(self) -> None:
        if self._warm_up is not None:
            begin = time.monotonic()
            await self._warm_up()
            log.info("%s: warm after %.1f s", self._name, time.monotonic() - begin)
        await self._micro.start()
        for worker in self._workers:
            await self._start_worker(worker)

    async def _start_worker(self, worker: JobWorker) -> None:
        # Until the first check has found that all dependencies work.
        worker.pause()
        self._started_workers.append(worker)
        while True:
            try:
                await worker.start(self._nc, self.metrics)
            except Unavailable as error:
                log.warning("%s: %s", self._name, error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Wait for the work's end (True) or for the stop (False); the work's error is raised."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return False
            working.result()
            return True
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _on_change(self) -> None:
        works = self._lifecycle.serves()
        for worker in self._started_workers:
            # A job that is taken while Triton is away would only fail.
            if works:
                worker.resume()
            else:
                worker.pause()
        await self._grpc.set_serving("", works)
        for service in self._grpc.services:
            await self._grpc.set_serving(service, self._lifecycle.serves(service))

    async def _drain(self) -> None:
        settings = self._settings
        begin = time.monotonic()
        await self._lifecycle.enter(ServiceState.DRAINING)
        await self._grpc.refuse()
        await asyncio.sleep(settings.drain_wait_s)
        await self._micro.stop_intake()
        self._guard.closing = True
        outcomes = await asyncio.gather(
            *(worker.drain(settings.drain_timeout_s) for worker in self._started_workers),
            self._micro.finish(settings.drain_timeout_s),
            self._grpc.stop(settings.drain_timeout_s),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                log.error("%s: a part did not drain", self._name, exc_info=outcome)
        await self._close_bus()
        await self._http.stop()
        log.info("%s: drained in %.1f s", self._name, time.monotonic() - begin)

    async def _close_bus(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                if self._nc.is_connected:
                    await self._nc.flush(timeout=2)
                await self._nc.close()
        except (TimeoutError, nats.errors.Error, OSError) as error:
            log.warning("%s: the connection to NATS did not close well: %s", self._name, error)

    async def _check_nats(self) -> None:
        self.metrics.bus_reconnections.set(self._nc.reconnections)
        self.metrics.bus_connected.set(self._nc.is_connected)
        if not self._nc.is_connected:
            raise Unavailable("not connected")
        await self._nc.flush(timeout=int(self._settings.dependency_timeout_s) + 1)

    def _readyz(self) -> Page:
        ready = self._lifecycle.state is ServiceState.READY
        body = {"state": self._lifecycle.state.value, "dependencies": self._lifecycle.findings}
        return Page(200 if ready else 503, json.dumps(body).encode() + b"\n", "application/json")

    def _metrics_page(self) -> Page:
        return Page(200, self.metrics.exposition(), CONTENT_TYPE)


async def _outlive(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)
