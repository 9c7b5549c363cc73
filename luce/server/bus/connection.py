"""The connection to NATS."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import nats.aio.client
import nats.errors

from luce.errors import Unavailable
from luce.server.settings import BusSettings

log = logging.getLogger(__name__)

ReconnectListener = Callable[[], Awaitable[None]]

PENDING_BYTES = 8 * 1024 * 1024


class BusClient(nats.aio.client.Client):
    """A NATS client that reconnects for ever and tells listeners when it has."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: list[ReconnectListener] = []
        self._notices: set[asyncio.Task[None]] = set()

    def on_reconnect(self, listener: ReconnectListener) -> Callable[[], None]:
        """Call `listener` after every reconnection, in a task of its own; the answer unregisters it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    @property
    def reconnections(self) -> int:
        """How often the connection was lost and came back."""
        return int(self.stats["reconnects"])

    async def notify_reconnected(self) -> None:
        """Start every listener; the client's reading loop must not wait for them."""
        log.warning("connected to NATS again")
        for listener in tuple(self._listeners):
            task = asyncio.create_task(self._notify(listener), name="nats-reconnected")
            self._notices.add(task)
            task.add_done_callback(self._notices.discard)

    async def flush(self, timeout: int = nats.aio.client.DEFAULT_FLUSH_TIMEOUT) -> None:
        """Return once the server has all that was sent before. Raises `nats.errors.FlushTimeoutError`.

        nats-py lets its PING overtake what still waits to be written, so that the answer would say nothing of it.
        """
        if self.is_connected and timeout > 0:
            try:
                async with asyncio.timeout(timeout):
                    await self._flush_pending(force_flush=True)
            except TimeoutError:
                raise nats.errors.FlushTimeoutError from None
        await super().flush(timeout)

    async def _process_pong(self) -> None:
        # Who waited may be gone, by cancellation or by timeout. For that, nats-py would end its reading loop, and
        # nothing would come over this connection any more.
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _notify(self, listener: ReconnectListener) -> None:
        try:
            await listener()
        except Exception:
            # The listener's owner finds out by its own next request; the connection is not at fault.
            log.exception("a listener failed after the reconnection")


async def connect(settings: BusSettings, name: str) -> BusClient:
    """Connect as `name` (as NATS's monitoring shows it); afterwards it reconnects for ever.

    Raises `Unavailable` where no server answers within `settings.connect_timeout_s`.
    """
    client = BusClient()
    last_error: Exception | None = None

    async def on_error(error: Exception) -> None:
        nonlocal last_error
        last_error = error
        level = logging.WARNING if client.is_connected else logging.DEBUG
        log.log(level, "NATS: %s", str(error) or type(error).__name__)

    async def on_disconnect() -> None:
        if not client.is_closed:
            log.warning("the connection to NATS was lost")

    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await client.connect(
                servers=[server.strip() for server in settings.url.split(",")],
                name=name,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=client.notify_reconnected,
                connect_timeout=2,
                reconnect_time_wait=settings.reconnect_wait_s,  # type: ignore[arg-type]  # seconds; a float works
                max_reconnect_attempts=-1,
                ping_interval=5,
                max_outstanding_pings=2,
                pending_size=PENDING_BYTES,
            )
    except (TimeoutError, OSError, nats.errors.Error) as error:
        await client.close()
        reason = str(last_error or error) or type(last_error or error).__name__
        raise Unavailable(
            f"NATS does not answer within {settings.connect_timeout_s:g} s: {reason}", retry_after=1.0
        ) from error
    return client
