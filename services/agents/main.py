"""The agents service: `python -m services.agents.main`. Settings come from the environment (`LUCE_<AREA>_<FIELD>`)."""

from __future__ import annotations

import asyncio
import contextlib

from luce.errors import ServiceError
from luce.server import telemetry
from luce.server.bus import ObjectStore, connect
from luce.server.host import Dependency, ServiceHost
from luce.server.inference import InferenceClient, TextFeeler
from luce.server.inference.text_embedder import MODEL as TEXT_MODEL
from luce.server.inference.text_embedder import TextEmbedder
from luce.server.jobs import JobWorker
from luce.server.llm import LanguageModel, LanguageModelSettings
from luce.server.media import MediaDecoder, MediaSettings
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, HostSettings, JobSettings, TelemetrySettings, TritonSettings
from luce.server.vision import AestheticJudge, PictureReader, aesthetics
from luce.server.vision import reader as vision
from luce.v1 import agents_pb2
from services.agents import captioning, encoding, generator, listening, reading
from services.agents.captioning import Captioner
from services.agents.core import Agents
from services.agents.describing import Describer
from services.agents.filtering import HybridFilter
from services.agents.generator import PictureGenerator
from services.agents.hearing import Hearing
from services.agents.imagining import Imagination
from services.agents.listening import Listener
from services.agents.matching import Matcher
from services.agents.measuring import PictureCritic
from services.agents.minds import LanguageMind
from services.agents.painting import Painter
from services.agents.reading import Reader
from services.agents.roles import Mind
from services.agents.sensing import Sense
from services.agents.servicer import AgentsServicer
from services.agents.settings import AgentsSettings
from services.agents.verbalising import Teller

MODELS = (
    listening.TRANSCRIBER,
    listening.MODEL,
    encoding.MODEL,
    captioning.MODEL,
    reading.MODEL,
    TEXT_MODEL,
    generator.MODEL,
    vision.ENCODER,
    vision.EMOTION,
)


async def serve() -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    settings, bus, jobs = AgentsSettings(), BusSettings(), JobSettings()
    llm = LanguageModelSettings()
    if settings.mind == "llm" and not llm.configured:
        raise ValueError("LUCE_AGENTS_MIND is llm, and there is no LUCE_LLM_URL")
    decoder = MediaDecoder(MediaSettings().model_copy(update={"workers": settings.decoders}))
    nc = await connect(bus, "agents")
    metrics = Metrics(process=True)
    inference = InferenceClient(TritonSettings(), metrics)
    listener = Listener(
        inference, threads=settings.listeners, rows=settings.emotion_batch, timeout_s=settings.infer_timeout_s
    )
    reader = Reader(inference, rows=settings.emotion_batch, timeout_s=settings.infer_timeout_s)
    embedder = TextEmbedder(inference)
    captioner = Captioner(inference, in_flight=settings.captions_in_flight, timeout_s=settings.infer_timeout_s)
    teller = Teller(HybridFilter(embedder, timeout_s=settings.infer_timeout_s))
    hearing = Hearing(decoder, listener, reader, captioner, teller, settings.outage_pause_s)
    language = LanguageModel(llm) if llm.configured else None
    mind = LanguageMind(language) if language is not None else None
    matcher = Matcher(embedder)
    sense = Sense(TextFeeler(inference) if language is not None else None)
    imagination = Imagination(matcher, mind, Mind(settings.mind), sense, settings.think_s)
    agents = Agents(ObjectStore(nc.jetstream(), bus), hearing, imagination)
    judge = AestheticJudge(inference, timeout_s=settings.infer_timeout_s) if settings.aesthetics else None
    models = (*MODELS, aesthetics.MODEL) if settings.aesthetics else MODELS
    critic = PictureCritic(
        PictureReader(inference, timeout_s=settings.infer_timeout_s),
        embedder,
        judge=judge,
        timeout_s=settings.infer_timeout_s,
    )
    painter = Painter(hearing, imagination, PictureGenerator(inference), critic, decoder, settings)
    describer = Describer(hearing)

    async def warm_up() -> None:
        await decoder.start()
        # Where the model server is away still, the first request does it.
        with contextlib.suppress(ServiceError):
            await matcher.warm_up()

    host = ServiceHost(
        "agents",
        nc=nc,
        servicers=[(AgentsServicer(agents), agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
        workers=[
            JobWorker("paint", painter, concurrency=settings.concurrency, settings=jobs, bus=bus),
            JobWorker("describe", describer, concurrency=settings.describe_concurrency, settings=jobs, bus=bus),
        ],
        dependencies=[Dependency("triton", lambda: inference.ready(models))],
        settings=HostSettings(),
        warm_up=warm_up,
        metrics=metrics,
    )
    try:
        await host.run()
    finally:
        listener.close()
        await decoder.close()
        if language is not None:
            await language.close()
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
