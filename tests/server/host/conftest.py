"""A service host in this process, on a real NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from luce.errors import InvalidArgument, Unavailable
from luce.server import telemetry
from luce.server.bus import BusClient, connect
from luce.server.deadline import Deadline
from luce.server.host import Dependency, NatsRpc, ServiceHost
from luce.server.jobs import JobWorker
from luce.server.settings import HostSettings
from luce.v1 import agents_pb2
from tests.fixtures.nats import NatsServer
from tests.server.waiting import until

SERVICE = "luce.v1.AgentsService"
SETTINGS = HostSettings(
    drain_wait_s=0.05, drain_timeout_s=2.0, dependency_interval_s=0.1, dependency_timeout_s=0.5, max_concurrent_rpcs=4
)


class Echo:
    """Answers what it was asked, and what it knows of the call."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()

    async def Describe(self, request: agents_pb2.DescribeRequest, _context: None) -> agents_pb2.DescribeResponse:
        match request.audio.filename:
            case "bad":
                raise InvalidArgument("steps must be 1..100", field="steps", limit="1..100")
            case "down":
                raise Unavailable("Triton is away", retry_after=3.0)
            case "defect":
                raise ZeroDivisionError("secret detail")
            case "slow":
                self.started.set()
                await self.release.wait()
        deadline = Deadline.current()
        description = agents_pb2.MusicDescription(
            summary=telemetry.current_trace_id(), duration_s=deadline.remaining() if deadline is not None else -1
        )
        return agents_pb2.DescribeResponse(description=description)

    async def Imagine(self, request: agents_pb2.ImagineRequest, _context: None) -> agents_pb2.ImagineResponse:
        return agents_pb2.ImagineResponse(prompts=[agents_pb2.Prompt(text=request.text)])


@dataclass
class Running:
    """A host that runs, and ways to call it."""

    host: ServiceHost
    task: asyncio.Task[None]
    rpc: NatsRpc
    channel: grpc.aio.Channel
    echo: Echo

    async def grpc_call(self, filename: str = "", timeout_s: float = 5.0, **more: Any) -> agents_pb2.DescribeResponse:
        call = self.channel.unary_unary(
            f"/{SERVICE}/Describe",
            request_serializer=agents_pb2.DescribeRequest.SerializeToString,
            response_deserializer=agents_pb2.DescribeResponse.FromString,
        )
        answer: agents_pb2.DescribeResponse = await call(request(filename), timeout=timeout_s, **more)
        return answer

    async def nats_call(self, filename: str = "", timeout_s: float = 5.0) -> agents_pb2.DescribeResponse:
        return await self.rpc.call(SERVICE, "Describe", request(filename), agents_pb2.DescribeResponse, timeout_s)

    async def is_ready(self) -> bool:
        return (await self.page("/readyz"))[0] == 200

    async def page(self, path: str) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.host.http_port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return int(head.split()[1]), body


def request(filename: str) -> agents_pb2.DescribeRequest:
    asked = agents_pb2.DescribeRequest()
    asked.audio.filename = filename
    return asked


@dataclass
class Hosts:
    """Starts hosts and ends them."""

    server: NatsServer
    nc: BusClient
    running: list[Running] = field(default_factory=list)

    async def start(
        self,
        *,
        dependencies: Sequence[Dependency] = (),
        workers: Sequence[JobWorker] = (),
        warm_up: Callable[[], Awaitable[object]] | None = None,
        wait: bool = True,
    ) -> Running:
        echo = Echo()
        host = ServiceHost(
            "agents",
            nc=await connect(self.server.settings, "agents"),
            servicers=[(echo, agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
            workers=workers,
            dependencies=dependencies,
            settings=SETTINGS,
            warm_up=warm_up,
        )
        task = asyncio.create_task(host.run())
        await until(lambda: bool(host.grpc_port) or task.done())
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{host.grpc_port}")
        running = Running(host, task, NatsRpc(self.nc), channel, echo)
        self.running.append(running)
        if wait:
            await until(running.is_ready)
        return running

    async def close(self) -> None:
        for running in self.running:
            running.echo.release.set()
            running.host.stop()
            await running.task
            await running.channel.close()


@pytest.fixture
async def hosts(nats_server: NatsServer, nats: BusClient) -> AsyncIterator[Hosts]:
    hosts = Hosts(nats_server, nats)
    yield hosts
    async with asyncio.timeout(20):
        await hosts.close()
