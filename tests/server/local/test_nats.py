from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from luce.server.local.nats import MAX_PAYLOAD_BYTES, NatsOptions, nats_process
from tests.fixtures.nats import free_port
from tests.server.waiting import until

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("monitored", [True, False])
async def test_it_starts_on_loopback_and_ends_on_sigterm(tmp_path: Path, monitored: bool) -> None:
    spec = nats_process(NatsOptions(tmp_path / "nats", free_port(), free_port() if monitored else 0))
    assert not await spec.ready()
    process = await asyncio.create_subprocess_exec(
        *spec.argv, env=dict(spec.env), cwd=spec.cwd, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(spec.ready, spec.start_timeout_s)
    finally:
        process.send_signal(spec.stop_signal)
        async with asyncio.timeout(spec.stop_timeout_s):
            assert await process.wait() == 0
    assert not await spec.ready()


def test_its_bounds_are_explicit(tmp_path: Path) -> None:
    nats_process(NatsOptions(tmp_path, 4222, sync_always=True))
    configuration = json.loads((tmp_path / "nats.conf").read_text())
    assert configuration["listen"] == "127.0.0.1:4222"
    assert configuration["max_payload"] == MAX_PAYLOAD_BYTES
    assert configuration["jetstream"]["max_file_store"] > 0
    assert configuration["jetstream"]["sync_interval"] == "always"
    assert "http" not in configuration
