"""The connection to NATS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import nats.aio.client

from luce.server.settings import BusSettings

ReconnectListener = Callable[[], Awaitable[None]]


class BusClient(nats.aio.client.Client):
    """A NATS client that reconnects for ever and tells listeners when it has."""

    def on_reconnect(self, listener: ReconnectListener) -> Callable[[], None]:
        """Call `listener` after every reconnection; the answer unregisters it."""
        raise NotImplementedError


async def connect(settings: BusSettings, name: str) -> BusClient:
    """Connect as `name` (as NATS's monitoring shows it); afterwards it reconnects for ever.

    Raises `Unavailable` where no server answers within `settings.connect_timeout_s`.
    """
    raise NotImplementedError
