"""The gateway put together from its settings. Wiring only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from gateway.core import Gateway
from gateway.dependencies import dependencies_of
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from luce.server.bus import ObjectStore, connect
from luce.server.host import NatsRpc
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.jobs import Jobs
from luce.server.media import MediaDecoder, MediaSettings
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, HostSettings, JobSettings, TritonSettings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that a gateway process reads from its environment."""

    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    host: HostSettings = field(default_factory=HostSettings)
    bus: BusSettings = field(default_factory=BusSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    triton: TritonSettings = field(default_factory=TritonSettings)


@asynccontextmanager
async def assemble(settings: Settings) -> AsyncIterator[GatewayServer]:
    """A gateway with all its connections, which are closed after the block.

    Raises:
        Unavailable: NATS does not answer.
        OSError: An address is taken.
    """
    metrics = Metrics(process=True)
    async with AsyncExitStack() as stack:
        nc = await connect(settings.bus, "gateway")
        stack.push_async_callback(nc.close)
        jobs = Jobs(nc, settings.jobs, bus=settings.bus, metrics=metrics)
        await jobs.start()
        stack.push_async_callback(jobs.close)
        objects = ObjectStore(nc.jetstream(), settings.bus)
        await objects.ensure()
        decoder = await stack.enter_async_context(MediaDecoder(settings.media))
        inference = InferenceClient(settings.triton, metrics)
        stack.push_async_callback(inference.close)
        core = Gateway(
            settings=settings.gateway,
            jobs=jobs,
            objects=objects,
            decoder=decoder,
            embedder=TextEmbedder(inference),
            rpc=NatsRpc(nc, metrics),
            max_job_s=settings.jobs.timeout_s,
        )
        yield GatewayServer(core, dependencies_of(jobs, inference, nc), metrics, settings.host)
