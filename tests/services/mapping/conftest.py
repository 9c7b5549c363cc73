"""Workers that compose and score, on the real NATS and the real Triton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from luce.server.bus import BusClient, ObjectStore
from luce.server.inference import InferenceClient, TextEmbedder, TextFeeler
from luce.server.jobs import Jobs, JobWorker
from luce.server.media import MediaDecoder, encode_png
from luce.server.sound import Sounder, SoundSettings
from luce.v1 import jobs_pb2, mapping_pb2, media_pb2
from services.mapping.composing import Storyteller
from services.mapping.pieces import Composer
from services.mapping.reading import TextReader
from services.mapping.scoring import Scorer
from services.mapping.seeing import Viewer
from services.mapping.settings import MappingSettings
from tests.fixtures.nats import NatsServer

OWNER = "tester"
# A machine that is busy with other things takes its time; an idle one needs a few seconds.
WAIT_S = 240.0


@dataclass
class Hall:
    """Everything from words or pictures to stored music."""

    jobs: Jobs
    objects: ObjectStore

    async def submit(self, text: str, **options: object) -> jobs_pb2.Job:
        """A compose job, short and with one candidate unless told otherwise."""
        told = mapping_pb2.MusicOptions(**{"seed": 7, "seconds": 8.0, "candidates": 1, **options})  # type: ignore[arg-type]
        request = mapping_pb2.ComposeRequest(text=text, options=told)
        return (await self.jobs.submit(jobs_pb2.Task(compose=request), owner=OWNER))[0]

    async def go_on(
        self, midi: bytes, text: str = "", *, variation: float | None = None, **options: object
    ) -> jobs_pb2.Job:
        """A compose job that goes on from a MIDI file or varies it, to its end."""
        blob = await self.objects.put(midi, media_type="audio/midi", filename="m.mid", owner=OWNER, max_bytes=1 << 26)
        told = mapping_pb2.MusicOptions(**{"seed": 7, "seconds": 8.0, "candidates": 1, **options})  # type: ignore[arg-type]
        request = mapping_pb2.ComposeRequest(text=text, midi=blob, options=told, variation=variation)
        job, _ = await self.jobs.submit(jobs_pb2.Task(compose=request), owner=OWNER)
        return await self.jobs.wait(job.id, OWNER, WAIT_S)

    async def compose(self, text: str, **options: object) -> jobs_pb2.Job:
        """The same from submission to its end."""
        job = await self.submit(text, **options)
        return await self.jobs.wait(job.id, OWNER, WAIT_S)

    async def score(
        self, data: bytes, media_type: str, *, accents: bool = False, mux: bool = False, **options: object
    ) -> jobs_pb2.Job:
        """A score job to its end."""
        media = await self.objects.put(data, media_type=media_type, filename="m", owner=OWNER, max_bytes=1 << 26)
        told = mapping_pb2.MusicOptions(**{"seed": 7, "candidates": 1, **options})  # type: ignore[arg-type]
        request = mapping_pb2.ScoreRequest(media=media, options=told, accents=accents, mux=mux)
        job, _ = await self.jobs.submit(jobs_pb2.Task(score=request), owner=OWNER)
        return await self.jobs.wait(job.id, OWNER, WAIT_S)

    async def get(self, blob: media_pb2.BlobRef) -> bytes:
        return await self.objects.get(blob.key, owner=OWNER)


def pieces_of(job: jobs_pb2.Job) -> list[mapping_pb2.Piece]:
    """What a job wrote, which must have succeeded."""
    assert job.state == jobs_pb2.JOB_STATE_SUCCEEDED, job.problem
    result = job.result.compose if job.result.HasField("compose") else job.result.score
    return list(result.pieces)


def picture(colour: tuple[int, int, int], size: int = 64) -> bytes:
    """A picture that fades from a colour to its half."""
    fade = np.linspace(1.0, 0.5, size)[:, np.newaxis, np.newaxis]
    return encode_png((np.ones((size, size, 1)) * fade * np.array(colour)).astype(np.uint8))


@asynccontextmanager
async def opened_hall(
    nats: BusClient, nats_server: NatsServer, decoder: MediaDecoder, inference: InferenceClient
) -> AsyncIterator[Hall]:
    """A hall while the block lasts."""
    bus = nats_server.settings
    jobs = Jobs(nats, bus=bus)
    await jobs.start()
    settings = MappingSettings(outage_pause_s=0.2)
    embedder = TextEmbedder(inference)
    composer = Composer(inference, Sounder(SoundSettings()), settings)
    storyteller = Storyteller(
        inference, TextReader(embedder, TextFeeler(inference), settings.infer_timeout_s), composer, settings
    )
    scorer = Scorer(decoder, Viewer(inference, embedder, settings.infer_timeout_s), composer, settings)
    workers = [
        JobWorker("compose", storyteller, concurrency=4, bus=bus),
        JobWorker("score", scorer, concurrency=2, bus=bus),
    ]
    for worker in workers:
        await worker.start(nats)
    try:
        yield Hall(jobs, ObjectStore(nats.jetstream(), bus))
    finally:
        async with asyncio.timeout(15):
            for worker in workers:
                await worker.drain(0.1)
            await jobs.close()
        composer.close()


@pytest.fixture(scope="session")
async def decoder() -> AsyncIterator[MediaDecoder]:
    async with MediaDecoder() as started:
        yield started


@pytest.fixture
async def hall(
    nats: BusClient, nats_server: NatsServer, decoder: MediaDecoder, inference: InferenceClient
) -> AsyncIterator[Hall]:
    async with opened_hall(nats, nats_server, decoder, inference) as opened:
        yield opened
