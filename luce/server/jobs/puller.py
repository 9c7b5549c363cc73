"""Pulling one message at a time from a durable consumer, through restarts of NATS."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from luce.errors import LuceError
from luce.server.bus.connection import BusClient

log = logging.getLogger(__name__)

EXPIRES_S: Final = 10.0
_SLICE_S: Final = 1.0
_PAUSE_S: Final = 0.25


class Puller:
    """One request for one message at a time, so that nothing is taken that nobody works on.

    Args:
        nc: a connected client.
        stream: of the consumer.
        consumer: durable name.
        repair: creates the consumer again where NATS does not know it.
        heard: called whenever the server has answered.
    """

    def __init__(
        self,
        nc: BusClient,
        stream: str,
        consumer: str,
        *,
        repair: Callable[[], Awaitable[None]],
        heard: Callable[[], None],
    ) -> None:
        self._nc = nc
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._consumer = consumer
        self._repair = repair
        self._heard = heard
        self._inbox = nc.new_inbox()
        self._subscription: Subscription | None = None
        # The server sends one message or status per request, and a late one of the request before.
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue(16)

    async def open(self) -> None:
        """Listen for what the server sends."""
        self._subscription = await self._nc.subscribe(self._inbox, cb=self._arrived.put)

    async def next(self) -> Msg:
        """The next message, whenever it comes. Cancelling loses nothing: `close` hands back what came too late."""
        request = json.dumps({"batch": 1, "expires": int(EXPIRES_S * 1e9)}).encode()
        while True:
            if not await self._ask(request):
                await asyncio.sleep(_PAUSE_S)
                continue
            message = await self._answer()
            if message is None:
                continue
            self._heard()
            status = (message.headers or {}).get("Status")
            if status is None:
                return message
            # 404 and 408: nothing there, ask again.
            if status not in ("404", "408"):
                log.info("consumer %s: %s %s", self._consumer, status, (message.headers or {}).get("Description", ""))
                await self._mend()

    async def close(self) -> None:
        """Stop, and hand back what arrived but was not taken."""
        try:
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if not self._nc.is_connected:
                return
            await self._nc.flush(timeout=2)
            while not self._arrived.empty():
                message = self._arrived.get_nowait()
                if (message.headers or {}).get("Status") is None:
                    await message.nak()
        except (nats.errors.Error, OSError) as error:
            log.debug("what was not handed back goes to others after the acknowledgement's time: %s", error)

    async def _ask(self, request: bytes) -> bool:
        if not self._nc.is_connected:
            return False
        try:
            await self._nc.publish(self._subject, request, reply=self._inbox)
        except (nats.errors.Error, OSError):
            return False
        return True

    async def _answer(self) -> Msg | None:
        """What the server sends, or None where the request was lost on the way."""
        reconnections = self._nc.reconnections
        limit = time.monotonic() + EXPIRES_S + 2.0
        while time.monotonic() < limit and self._nc.reconnections == reconnections:
            try:
                async with asyncio.timeout(_SLICE_S):
                    return await self._arrived.get()
            except TimeoutError:
                continue
        return None

    async def _mend(self) -> None:
        await asyncio.sleep(_PAUSE_S)
        try:
            await self._repair()
        except LuceError as error:
            log.info("consumer %s: not yet repaired: %s", self._consumer, error)
