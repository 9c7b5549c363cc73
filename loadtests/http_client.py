"""A small HTTP/1.1 client for measurements: keep-alive connections, answers with a content length, little else.

A general client costs more CPU than the call it measures, on the cores that the servers need.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class HttpClient:
    """A pool of connections to one server; a request waits for a free one.

    Args:
        host: of the server.
        port: of the server.
        connections: most at once.
    """

    def __init__(self, host: str, port: int, *, connections: int) -> None:
        self._host = host
        self._port = port
        self._free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.LifoQueue()
        for _ in range(connections):
            self._free.put_nowait(None)

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while not self._free.empty():
            connection = self._free.get_nowait()
            if connection is not None:
                connection[1].close()

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower-case names) and body."""
        connection = await self._free.get()
        try:
            if connection is not None and connection[0].at_eof():
                # It was idle for so long that the server closed it.
                connection[1].close()
                connection = None
            if connection is None:
                connection = await asyncio.open_connection(self._host, self._port)
            reader, writer = connection
            head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            answer = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            if connection is not None:
                connection[1].close()
            self._free.put_nowait(None)
            raise
        self._free.put_nowait(connection)
        return int(lines[0].split(" ")[1]), headers, answer
