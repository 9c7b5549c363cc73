"""`/livez`, `/readyz` and `/metrics` of a process: three GETs, bounded in time and size, no framework."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 5.0
_HEAD_BYTES: Final = 16 * 1024
_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer.

    Attributes:
        status: HTTP status.
        body: the bytes.
        media_type: of the body.
    """

    status: int
    body: bytes
    media_type: str = "text/plain; charset=utf-8"


class OperationsServer:
    """Serves pages by path.

    Args:
        address: host:port; port 0 takes a free one.
        pages: functions by path.
    """

    def __init__(self, address: str, pages: Mapping[str, Callable[[], Page]]) -> None:
        self._address = address
        self._pages = dict(pages)
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; answers the port. Raises `OSError` where the address is taken."""
        host, _, port = self._address.rpartition(":")
        self._server = await asyncio.start_server(self._serve, host.strip("[]"), int(port), limit=_HEAD_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                page = self._page(head)
                reason = _REASONS[page.status]
                writer.write(
                    f"HTTP/1.1 {page.status} {reason}\r\nContent-Type: {page.media_type}\r\n"
                    f"Content-Length: {len(page.body)}\r\nConnection: close\r\n\r\n".encode()
                    + page.body
                )
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("a request was not served: %s", error)
        finally:
            writer.close()

    def _page(self, head: bytes) -> Page:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or words[0] != b"GET":
            return Page(405, b"only GET\n")
        make = self._pages.get(words[1].partition(b"?")[0].decode("ascii", "replace"))
        return Page(404, b"no such page\n") if make is None else make()
