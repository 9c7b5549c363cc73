"""A real gateway (uvicorn and gRPC on free ports) before a real NATS, with a worker that paints at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import grpc
import httpx
import numpy as np
import pytest

from gateway.app import Settings, assemble
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from luce.errors import MalformedMedia
from luce.server.bus import connect
from luce.server.host import ServiceHost
from luce.server.host.lifecycle import ServiceState
from luce.server.jobs import JobContext, JobWorker
from luce.server.media import encode_png
from luce.server.settings import BusSettings, HostSettings, JobSettings, TritonSettings
from luce.v1 import agents_pb2, emotion_pb2, jobs_pb2, mapping_pb2, media_pb2
from tests.fixtures.media import encode, song, wav_bytes
from tests.fixtures.nats import NatsServer, free_port

MAX_QUEUED = 6


@dataclass(frozen=True)
class Doors:
    """Where a gateway listens, and a client of each door."""

    server: GatewayServer
    http: httpx.AsyncClient
    channel: grpc.aio.Channel


async def eventually(seen: Callable[[], Awaitable[object] | object], within_s: float = 15.0) -> None:
    """Waits until a look shows it; fails when it takes too long."""
    async with asyncio.timeout(within_s):
        while True:
            look = seen()
            if await look if isinstance(look, Awaitable) else look:
                return
            await asyncio.sleep(0.02)


def settings_for(bus: BusSettings, **gateway: object) -> Settings:
    """Settings of a gateway in a test: free ports, fast looks at dependencies, nobody at Triton's port."""
    values = {
        "http_address": "127.0.0.1:0",
        "grpc_address": "127.0.0.1:0",
        "event_keepalive_s": 0.2,
        **gateway,
    }
    return Settings(
        gateway=GatewaySettings.model_validate(values),
        host=HostSettings(drain_wait_s=0, drain_timeout_s=3, dependency_interval_s=0.1, dependency_timeout_s=1),
        bus=bus,
        jobs=JobSettings(max_queued=MAX_QUEUED, service_time_s=0.5),
        triton=TritonSettings(url=f"127.0.0.1:{free_port()}"),
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Doors]:
    """A gateway while the block lasts."""
    stopping = asyncio.Event()
    async with assemble(settings) as server:
        task = asyncio.create_task(server.run(stopping))
        try:
            await eventually(lambda: server.lifecycle.state is not ServiceState.STARTING or task.done())
            http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}", timeout=30)
            async with http, grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
                yield Doors(server, http, channel)
        finally:
            stopping.set()
            await task


async def paint(queued: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
    """Paints at once. A prompt that begins with "wait" takes until it is cancelled; "refuse" fails."""
    request = queued.task.paint
    await context.progress("listen", 0.1)
    if request.prompt.startswith("refuse"):
        raise MalformedMedia("audio does not decode", field="audio")
    if request.prompt.startswith("wait"):
        await asyncio.sleep(60)
    music = None
    if request.HasField("audio"):
        music = agents_pb2.MusicDescription(duration_s=3.0, tempo_bpm=120.0, key="C major", summary="A cheerful piece.")
        await context.partial(music=music)
    images = []
    for index in range(request.options.frames or max(1, request.options.n)):
        pixels = np.full((8, 8, 3), (context.seed + index) % 256, np.uint8)
        png = encode_png(pixels, {"seed": str(context.seed + index)})
        await context.preview(index, 1, 2, png)
        blob = await context.objects.put(
            png, media_type="image/png", filename=f"{index}.png", owner=context.owner, max_bytes=10**6, kind="result"
        )
        prompt = agents_pb2.Prompt(text=request.prompt or "a hill")
        image = agents_pb2.PaintedImage(image=blob, prompt=prompt, seed=context.seed + index, width=8, height=8)
        image.measures.text_similarity = 0.25
        if music is not None:
            image.measures.va_similarity = 0.875
        images.append(image)
    context.used_model("image_generator", "1")
    await context.progress("paint", 0.9)
    result = agents_pb2.PaintResult(images=images, music=music)
    if request.options.frames:
        result.animation.duration_s = 3.0
        film = await context.objects.put(
            b"a film",
            media_type="video/mp4",
            filename="film.mp4",
            owner=context.owner,
            max_bytes=10**6,
            kind="result",
        )
        result.animation.file.CopyFrom(film)
    return jobs_pb2.Job.Result(paint=result)


def heard(audio: media_pb2.BlobRef) -> agents_pb2.MusicDescription:
    """A description whose words say which file it is of."""
    point = emotion_pb2.EmotionPoint(duration_s=3.0, valence_uncertainty=0.2, arousal_uncertainty=0.1)
    music = agents_pb2.MusicDescription(
        duration_s=3.0,
        tempo_bpm=120.0,
        key="C major",
        key_alternatives=["A minor"],
        beat_times=[0.5, 1.0],
        tempo_alternatives=[60.0],
        emotion=emotion_pb2.Emotion(valence=0.5, arousal=-0.25),
        curve=emotion_pb2.EmotionCurve(points=[point]),
        summary=f"{audio.media_type} of {audio.size} bytes",
    )
    music.descriptors.add(dimension=agents_pb2.DESCRIPTOR_DIMENSION_INSTRUMENTS)
    music.descriptors.add(
        dimension=agents_pb2.DESCRIPTOR_DIMENSION_MOOD,
        values=["calm", "romantic"],
        confidence=0.5,
        source=agents_pb2.DESCRIPTOR_SOURCE_MODEL,
    )
    return music


async def describe(queued: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
    """Describes at once; a file named "wait" takes until it is cancelled, one named "refuse" fails."""
    audio = queued.task.describe.audio
    if audio.filename.startswith("refuse"):
        raise MalformedMedia("audio does not decode", field="audio")
    if audio.filename.startswith("wait"):
        await asyncio.sleep(60)
    return jobs_pb2.Job.Result(describe=agents_pb2.DescribeResult(music=heard(audio)))


async def write(queued: jobs_pb2.QueuedTask, job: jobs_pb2.Job, context: JobContext) -> jobs_pb2.Job.Result:
    """Writes "music" at once: each file holds what was asked for. A text that begins with "wait" takes for ever."""
    task = queued.task
    request = task.compose if task.HasField("compose") else task.score
    if task.compose.text.startswith("wait"):
        await asyncio.sleep(60)
    step = mapping_pb2.ChainStep(stage="read", text="A calm text.")
    step.elements.add(name="emotion", values=["calm"], reason="it says so")
    await context.partial(chain=step)
    pieces = []
    for index in range(max(1, request.options.n)):
        piece = mapping_pb2.Piece(seed=context.seed + index, duration_s=request.options.seconds or 8.0, notes=3)
        for name, media_type in (("midi", "audio/midi"), ("audio", "audio/wav"), ("piano_roll", "image/png")):
            blob = await context.objects.put(
                f"{name} {index}".encode(),
                media_type=media_type,
                filename=f"{name}-{index}",
                owner=context.owner,
                max_bytes=99,
                kind="result",
            )
            getattr(piece, name).CopyFrom(blob)
        for number in range(2 if request.options.stream else 0):
            wav = wav_bytes(np.full((100, 2), number + 1, np.int16), channels=2)
            await context.audio(wav, piece=index, index=number, start_s=number, duration_s=1.0, last=number == 1)
        pieces.append(piece)
    if task.HasField("compose"):
        return jobs_pb2.Job.Result(compose=mapping_pb2.ComposeResult(pieces=pieces, chain=[step]))
    shots = [mapping_pb2.Shot(duration_s=8.0)] if task.score.media.media_type.startswith("video/") else []
    return jobs_pb2.Job.Result(score=mapping_pb2.ScoreResult(pieces=pieces, chain=[step], shots=shots))


class SimpleAgents:
    """Agents that answer at once."""

    async def Describe(self, request: agents_pb2.DescribeRequest, context: object) -> agents_pb2.DescribeResponse:
        return agents_pb2.DescribeResponse(description=heard(request.audio))

    async def Imagine(self, request: agents_pb2.ImagineRequest, context: object) -> agents_pb2.ImagineResponse:
        if request.text == "break":
            raise MalformedMedia("nothing to imagine", field="description", limit="a description")
        prompt = agents_pb2.Prompt(text=request.text, vocabulary={"scene": "sea"})
        answer = agents_pb2.ImagineResponse(prompts=[prompt] * max(1, request.count))
        if request.explain:
            silent = ", ".join(map(str, request.agents.without))
            heard = request.description.summary.partition(" ")[0]
            answer.report.notes.add(author=1, mind=1, round=1, words=f"without {silent}; heard {heard}")
            answer.report.findings.add(kind=1, severity=1, outcome=2)
        return answer


@asynccontextmanager
async def working(settings: Settings, concurrency: int = 2) -> AsyncIterator[None]:
    """Workers while the block lasts."""
    nc = await connect(settings.bus, "worker")
    workers = [
        JobWorker(kind, handler, concurrency=concurrency, settings=settings.jobs, bus=settings.bus)
        for kind, handler in (("paint", paint), ("describe", describe), ("compose", write), ("score", write))
    ]
    for worker in workers:
        await worker.start(nc)
    try:
        yield
    finally:
        for worker in workers:
            await worker.drain(0)
        await nc.close()


@pytest.fixture(scope="module")
async def doors(nats_server: NatsServer) -> AsyncIterator[Doors]:
    """A gateway without keys, and a worker."""
    settings = settings_for(nats_server.settings)
    async with running(settings) as doors, working(settings):
        yield doors


@pytest.fixture(scope="module")
async def doors_with_agents(nats_server: NatsServer) -> AsyncIterator[Doors]:
    """A gateway, workers, and agents of a simple kind."""
    settings = settings_for(nats_server.settings)
    host = ServiceHost(
        "agents",
        nc=await connect(nats_server.settings, "agents"),
        servicers=[(SimpleAgents(), agents_pb2.DESCRIPTOR.services_by_name["AgentsService"])],
        settings=HostSettings(drain_wait_s=0, drain_timeout_s=2),
    )
    serving = asyncio.create_task(host.run())
    async with running(settings) as doors, working(settings):

        async def found() -> bool:
            return bool((await doors.http.get("/readyz")).json()["dependencies"]["agents"]["ready"])

        await eventually(found)
        yield doors
    host.stop()
    await serving


@pytest.fixture(scope="module")
async def idle_doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    """A gateway on a NATS of its own where nobody works: jobs stay queued."""
    server = NatsServer(tmp_path_factory.mktemp("idle"))
    server.start()
    try:
        async with running(settings_for(server.settings)) as doors:
            yield doors
    finally:
        server.kill()


@pytest.fixture(scope="module")
async def locked_doors(nats_server: NatsServer) -> AsyncIterator[Doors]:
    """A gateway that asks for keys: "ada-key" and "bob-key". A worker belongs to it."""
    keys = ",".join(f"{name}:{hashlib.sha256(f'{name}-key'.encode()).hexdigest()}" for name in ("ada", "bob"))
    settings = replace(settings_for(nats_server.settings, api_keys=keys))
    async with running(settings) as doors, working(settings):
        yield doors


@pytest.fixture(scope="session")
def short_song() -> bytes:
    """Three seconds of a song as wav."""
    return encode(song(seconds=3.0), "wav")
