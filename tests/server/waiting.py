"""Waiting for what another task or process does."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(check: Callable[[], bool | Awaitable[bool]], timeout_s: float = 10.0) -> None:
    """Return when `check` is true; fail when it does not become so."""
    async with asyncio.timeout(timeout_s):
        while True:
            answer = check()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.01)
