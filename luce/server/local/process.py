"""What a supervisor must know of one server process: how to start it, when it is ready, how to stop it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

ReadinessProbe = Callable[[], Awaitable[bool]]
"""Answers within about a second: True when the process can take work, False while it starts or cannot be reached."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One child process. Frozen: a restart runs exactly what the first start ran.

    Attributes:
        name: short name for logs and status lines ("triton").
        argv: program and arguments; the program is an absolute path.
        env: the whole environment of the child (nothing is inherited beside it).
        cwd: working directory; it must exist.
        ready: probe that the supervisor polls until it answers True.
        start_timeout_s: how long `ready` may answer False before the start has failed, in seconds.
        stop_signal: the signal that makes the process drain and end.
        stop_timeout_s: how long the drain may last before SIGKILL, in seconds.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    ready: ReadinessProbe
    start_timeout_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "argv", tuple(self.argv))
        object.__setattr__(self, "env", MappingProxyType(dict(self.env)))


def http_probe(url: str, *, timeout_s: float = 1.0) -> ReadinessProbe:
    """A probe that is True when `GET url` answers 200 within `timeout_s` seconds (plain HTTP, no redirects)."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"a readiness URL is http://host:port/path, not {url!r}")
    host, port, path = parts.hostname, parts.port or 80, parts.path or "/"

    async def ready() -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                return await _status(host, port, path) == 200
        except (OSError, TimeoutError):
            return False

    return ready


async def _status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        words = (await reader.readline()).split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    finally:
        writer.close()
