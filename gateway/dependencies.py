"""What the gateway needs in order to do all its work."""

from __future__ import annotations

from typing import Final

import nats.errors

from luce.errors import Unavailable
from luce.server.bus import BusClient
from luce.server.bus.cancellation import cancellable
from luce.server.host import Dependency
from luce.server.inference import InferenceClient
from luce.server.jobs import Jobs

MODELS: Final = (
    "text_encoder",
    "text_emotion",
    "audio_encoder",
    "music_captioner",
    "note_transcriber",
    "music_emotion",
    "note_emotion",
    "image_encoder",
    "image_emotion",
    "image_generator",
    "latent_mapper",
    "embed_diffusion",
    "midi_composer",
)
"""Every model that some request needs, loaded and warm."""


_PING_TIMEOUT_S: Final = 1.0


async def find_service(nc: BusClient, name: str) -> None:
    """Returns when at least one instance of a service answers NATS's own discovery. Raises `Unavailable`."""
    try:
        await cancellable(nc.request(f"$SRV.PING.{name}", b"", timeout=_PING_TIMEOUT_S))
    except (nats.errors.Error, TimeoutError) as error:
        raise Unavailable(f"no instance of {name} answers") from error


def dependencies_of(jobs: Jobs, inference: InferenceClient, nc: BusClient) -> tuple[Dependency, ...]:
    """NATS, Triton with its models, an instance of each service, with the gRPC services that need each."""

    async def agents() -> None:
        await find_service(nc, "agents")

    async def mapping() -> None:
        await find_service(nc, "mapping")

    async def triton() -> None:
        await inference.ready(MODELS)

    # Jobs are taken without Triton and without services, and wait for them.
    return (
        Dependency("nats", jobs.ready, ("luce.v1.JobsService", "luce.v1.MediaService", "luce.v1.AgentsService")),
        Dependency("triton", triton, ("luce.v1.MappingService",)),
        Dependency("agents", agents, ("luce.v1.AgentsService",)),
        Dependency("mapping", mapping, ("luce.v1.MappingService",)),
    )
