"""The mapping service: `python -m services.mapping.main`. Settings come from the environment (`LUCE_<AREA>_...`)."""

from __future__ import annotations

import asyncio
from typing import Final

from luce.server import telemetry
from luce.server.bus import ObjectStore, connect
from luce.server.chain import mapping as chain_models
from luce.server.host import Dependency, NatsRpc, ServiceHost
from luce.server.inference import InferenceClient, TextEmbedder, TextFeeler, text_feeler
from luce.server.jobs import JobWorker
from luce.server.media import MediaDecoder, MediaSettings
from luce.server.metrics import Metrics
from luce.server.music.composing import drafting
from luce.server.settings import BusSettings, HostSettings, JobSettings, TelemetrySettings, TritonSettings
from luce.server.sound import Sounder, SoundSettings
from luce.server.vision import reader as vision
from luce.v1 import mapping_pb2
from services.mapping import embedding, judging
from services.mapping.composing import Storyteller
from services.mapping.core import Mapping
from services.mapping.feeling import Feeler
from services.mapping.pieces import Composer
from services.mapping.reading import TextReader
from services.mapping.scoring import Scorer
from services.mapping.seeing import Viewer
from services.mapping.servicer import MappingServicer
from services.mapping.settings import MappingSettings

MODELS: Final = (
    "text_encoder",
    vision.ENCODER,
    vision.EMOTION,
    text_feeler.MODEL,
    embedding.AUDIO,
    *chain_models.MODELS,
    drafting.MODEL,
    judging.MODEL,
)


async def serve() -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    settings, bus, jobs = MappingSettings(), BusSettings(), JobSettings()
    # First of all, so that a sound font that is not there ends the process before it takes work.
    sounder = Sounder(SoundSettings())
    decoder = MediaDecoder(MediaSettings().model_copy(update={"workers": settings.decoders}))
    nc = await connect(bus, "mapping")
    metrics = Metrics(process=True)
    inference = InferenceClient(TritonSettings(), metrics)
    embedder, feeler = TextEmbedder(inference), TextFeeler(inference)
    composer = Composer(inference, sounder, settings)
    storyteller = Storyteller(inference, TextReader(embedder, feeler, settings.infer_timeout_s), composer, settings)
    scorer = Scorer(decoder, Viewer(inference, embedder, settings.infer_timeout_s), composer, settings)
    pictures = vision.PictureReader(inference, settings.infer_timeout_s)
    mapping = Mapping(
        ObjectStore(nc.jetstream(), bus),
        embedder,
        embedding.MediaEncoder(inference, pictures, decoder),
        Feeler(feeler, pictures, decoder),
        NatsRpc(nc, metrics),
    )
    host = ServiceHost(
        "mapping",
        nc=nc,
        servicers=[(MappingServicer(mapping), mapping_pb2.DESCRIPTOR.services_by_name["MappingService"])],
        workers=[
            JobWorker("compose", storyteller, concurrency=settings.compose_concurrency, settings=jobs, bus=bus),
            JobWorker("score", scorer, concurrency=settings.score_concurrency, settings=jobs, bus=bus),
        ],
        dependencies=[Dependency("triton", lambda: inference.ready(MODELS))],
        settings=HostSettings(),
        warm_up=decoder.start,
        metrics=metrics,
    )
    try:
        await host.run()
    finally:
        composer.close()
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
