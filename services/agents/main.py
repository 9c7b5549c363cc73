"""The agents service: `python -m services.agents.main`. Settings come from the environment (`LUCE_<AREA>_<FIELD>`)."""

from __future__ import annotations

import asyncio

from luce.server import telemetry
from luce.server.bus import ObjectStore, connect
from luce.server.host import Dependency, ServiceHost
from luce.server.inference import InferenceClient
from luce.server.jobs import JobWorker
from luce.server.media import MediaDecoder, MediaSettings
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, HostSettings, JobSettings, TelemetrySettings, TritonSettings
from luce.v1 import agents_pb2
from services.agents import generator, listening, reading
from services.agents.core import Agents
from services.agents.describing import Describer
from services.agents.generator import PictureGenerator
from services.agents.hearing import Hearing
from services.agents.imagining import Imagination
from services.agents.listening import Listener
from services.agents.painting import Painter
from services.agents.reading import Reader
from services.agents.servicer import AgentsServicer
from services.agents.settings import AgentsSettings

MODELS = (listening.TRANSCRIBER, listening.MODEL, reading.MODEL, generator.MODEL)


async def serve() -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    settings, bus, jobs = AgentsSettings(), BusSettings(), JobSettings()
    decoder = MediaDecoder(MediaSettings().model_copy(update={"workers": settings.decoders}))
    nc = await connect(bus, "agents")
    metrics = Metrics(process=True)
    inference = InferenceClient(TritonSettings(), metrics)
    listener = Listener(
        inference, threads=settings.listeners, rows=settings.emotion_batch, timeout_s=settings.infer_timeout_s
    )
    imagination = Imagination()
    reader = Reader(inference, rows=settings.emotion_batch, timeout_s=settings.infer_timeout_s)
    hearing = Hearing(decoder, listener, reader, settings.outage_pause_s)
    agents = Agents(ObjectStore(nc.jetstream(), bus), hearing, imagination)
    painter = Painter(hearing, imagination, PictureGenerator(inference), settings)
    describer = Describer(hearing)
    host = ServiceHost(
        "agents",
        nc=nc,
        servicers=[(AgentsServicer(agents), agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
        workers=[
            JobWorker("paint", painter, concurrency=settings.concurrency, settings=jobs, bus=bus),
            JobWorker("describe", describer, concurrency=settings.describe_concurrency, settings=jobs, bus=bus),
        ],
        dependencies=[Dependency("triton", lambda: inference.ready(MODELS))],
        settings=HostSettings(),
        warm_up=decoder.start,
        metrics=metrics,
    )
    try:
        await host.run()
    finally:
        listener.close()
        await decoder.close()
        await inference.close()


def main() -> None:
    """Set up logs and traces, and serve."""
    watched = telemetry.setup("agents", TelemetrySettings())
    try:
        asyncio.run(serve())
    finally:
        watched.shutdown()


if __name__ == "__main__":
    main()
