"""A Triton of a measurement's own, with some of the repository's models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from luce.server.inference import InferenceClient
from luce.server.local.ports import free_ports
from luce.server.local.supervisor import Service, Supervisor
from luce.server.local.triton import TritonOptions, triton_process
from luce.server.settings import TritonSettings

ROOT = Path(__file__).parents[1]
HEARING = ("note_transcriber", "music_emotion", "note_emotion", "audio_encoder", "music_captioner", "text_encoder")
"""What describes music."""


@asynccontextmanager
async def hearing_models(folder: Path, models: Sequence[str] = HEARING) -> AsyncIterator[InferenceClient]:
    """A server with these models, its state under `folder`, and a client of it."""
    http, grpc, metrics = free_ports(3)
    options = TritonOptions(
        model_repository=ROOT / "model_repository",
        state=folder / "triton",
        source_root=ROOT,
        http_port=http,
        grpc_port=grpc,
        metrics_port=metrics,
        models=models,
        exit_timeout_s=2,
    )
    supervisor = Supervisor([Service(triton_process(options))], logs=folder / "logs")
    await supervisor.start()
    client = InferenceClient(TritonSettings(url=f"127.0.0.1:{grpc}"))
    try:
        yield client
    finally:
        await client.close()
        await supervisor.stop()
