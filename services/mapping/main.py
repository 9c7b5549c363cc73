"""The mapping service: `python -m services.mapping.main`. Settings come from the environment (`LUCE_<AREA>_...`)."""

from __future__ import annotations

import asyncio
from typing import Final

from luce.server import telemetry
from luce.server.bus import connect
from luce.server.host import Dependency, ServiceHost
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.media import MediaDecoder, MediaSettings
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, HostSettings, TelemetrySettings, TritonSettings
from luce.v1 import mapping_pb2
from services.mapping.core import Mapping
from services.mapping.servicer import MappingServicer
from services.mapping.settings import MappingSettings

MODELS: Final = ("text_encoder",)


async def serve() -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    settings, bus = MappingSettings(), BusSettings()
    decoder = MediaDecoder(MediaSettings().model_copy(update={"workers": settings.decoders}))
    nc = await connect(bus, "mapping")
    metrics = Metrics(process=True)
    inference = InferenceClient(TritonSettings(), metrics)
    mapping = Mapping(TextEmbedder(inference))
    host = ServiceHost(
        "mapping",
        nc=nc,
        servicers=[(MappingServicer(mapping), mapping_pb2.DESCRIPTOR.services_by_name["MappingService"])],
        dependencies=[Dependency("triton", lambda: inference.ready(MODELS))],
        settings=HostSettings(),
        warm_up=decoder.start,
        metrics=metrics,
    )
    try:
        await host.run()
    finally:
        await decoder.close()
        await inference.close()


def main() -> None:
    """Set up logs and traces, and serve."""
    watched = telemetry.setup("mapping", TelemetrySettings())
    try:
        asyncio.run(serve())
    finally:
        watched.shutdown()


if __name__ == "__main__":
    main()
