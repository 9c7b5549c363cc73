"""A Triton of its own for a measurement, from wheels, on free loopback ports."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from luce.server.inference import InferenceClient
from luce.server.local.ports import free_ports
from luce.server.local.supervisor import Service, Supervisor
from luce.server.local.triton import TritonOptions, triton_process
from luce.server.settings import TritonSettings

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ROOT / "model_repository"


@asynccontextmanager
async def serving(models: Sequence[str], repository: Path = REPOSITORY) -> AsyncIterator[InferenceClient]:
    """A server with some models, loaded and warm, and a client of it; both end with the block."""
    http, grpc, metrics = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="luce-evaluate-") as folder:
        options = TritonOptions(
            model_repository=repository,
            state=Path(folder) / "triton",
            source_root=ROOT,
            http_port=http,
            grpc_port=grpc,
            metrics_port=metrics,
            models=list(models),
            exit_timeout_s=5,
            start_timeout_s=180.0,
        )
        supervisor = Supervisor([Service(triton_process(options))], logs=Path(folder) / "logs")
        await supervisor.start()
        client = InferenceClient(TritonSettings(url=f"127.0.0.1:{grpc}"))
        try:
            yield client
        finally:
            await client.close()
            await supervisor.stop()
