"""A paint worker on the real NATS and the real Triton."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from PIL import Image

from luce.server.bus import BusClient, ObjectStore
from luce.server.inference import InferenceClient, TextEmbedder
from luce.server.jobs import Jobs, JobWorker
from luce.server.media import MediaDecoder
from luce.server.vision import PictureReader
from luce.v1 import agents_pb2, jobs_pb2, media_pb2
from services.agents.captioning import Captioner
from services.agents.describing import Describer
from services.agents.filtering import HybridFilter
from services.agents.generator import PictureGenerator
from services.agents.hearing import Hearing
from services.agents.imagining import Imagination
from services.agents.listening import Listener
from services.agents.matching import Matcher
from services.agents.measuring import PictureCritic
from services.agents.painting import Painter
from services.agents.reading import Reader
from services.agents.settings import AgentsSettings
from services.agents.verbalising import Teller
from tests.fixtures.nats import NatsServer

OWNER = "tester"


@dataclass
class Studio:
    """Everything from a submitted song to a stored picture."""

    jobs: Jobs
    objects: ObjectStore

    async def upload(self, data: bytes, owner: str = OWNER) -> media_pb2.BlobRef:
        return await self.objects.put(data, media_type="audio/ogg", filename="song.ogg", owner=owner, max_bytes=1 << 26)

    async def submit(self, audio: media_pb2.BlobRef | None = None, prompt: str = "", **options: object) -> jobs_pb2.Job:
        request = agents_pb2.PaintRequest(
            audio=audio,
            prompt=prompt,
            options=agents_pb2.PaintOptions(**{"seed": 7, "steps": 2, **options}),  # type: ignore[arg-type]
        )
        job, _ = await self.jobs.submit(jobs_pb2.Task(paint=request), owner=OWNER)
        return job

    async def paint(self, audio: media_pb2.BlobRef | None = None, prompt: str = "", **options: object) -> jobs_pb2.Job:
        """A job from submission to its end."""
        job = await self.submit(audio, prompt, **options)
        return await self.jobs.wait(job.id, OWNER, 60)

    async def picture(self, job: jobs_pb2.Job, index: int = 0) -> bytes:
        """The bytes of one picture of a job that succeeded."""
        assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED, job.problem
        return await self.objects.get(job.result.paint.images[index].image.key, owner=OWNER)


def opened(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image


@pytest.fixture(scope="session")
async def decoder() -> AsyncIterator[MediaDecoder]:
    async with MediaDecoder() as started:
        yield started


async def opened_studio(
    nats: BusClient, nats_server: NatsServer, decoder: MediaDecoder, inference: InferenceClient
) -> AsyncIterator[Studio]:
    """A studio for as long as the iterator lives."""
    bus = nats_server.settings
    jobs = Jobs(nats, bus=bus)
    await jobs.start()
    settings = AgentsSettings(outage_pause_s=0.2)
    listener = Listener(inference)
    embedder = TextEmbedder(inference)
    teller = Teller(HybridFilter(embedder))
    hearing = Hearing(decoder, listener, Reader(inference), Captioner(inference), teller, settings.outage_pause_s)
    critic = PictureCritic(PictureReader(inference), embedder)
    imagination = Imagination(Matcher(embedder))
    painter = Painter(hearing, imagination, PictureGenerator(inference), critic, decoder, settings)
    workers = [
        JobWorker("paint", painter, concurrency=4, bus=bus),
        JobWorker("describe", Describer(hearing), concurrency=2, bus=bus),
    ]
    for worker in workers:
        await worker.start(nats)
    try:
        yield Studio(jobs, ObjectStore(nats.jetstream(), bus))
    finally:
        async with asyncio.timeout(15):
            for worker in workers:
                await worker.drain(0.1)
            await jobs.close()
        listener.close()


@pytest.fixture
async def studio(
    nats: BusClient, nats_server: NatsServer, decoder: MediaDecoder, inference: InferenceClient
) -> AsyncIterator[Studio]:
    async for started in opened_studio(nats, nats_server, decoder, inference):
        yield started
