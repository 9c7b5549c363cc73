"""The HTTP door's server: uvicorn, driven by us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from gateway.settings import split_address

_BACKLOG = 2048
# Beyond what the application refuses by itself, with a hint, uvicorn refuses without one.
_HEADROOM = 2


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to us (one process, two doors, one drain), and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class HttpDoor:
    """The public HTTP server.

    Args:
        app: What to serve.
        address: HOST:PORT; port 0 takes a free one.
        max_requests: Requests at once; of connections there may be twice as many.
        drain_timeout_s: Requests under way may go on for so long after `stop`.
    """

    def __init__(self, app: ASGIApp, *, address: str, max_requests: int, drain_timeout_s: float) -> None:
        host, port = split_address(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=_HEADROOM * max_requests,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=max(1, round(drain_timeout_s)),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to serve."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http")
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait((self._task, listening), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            listening.cancel()
            await self._task

    async def stop(self) -> None:
        """Takes no new connections, lets requests under way finish, then cuts them off."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
