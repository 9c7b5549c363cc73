"""What every route is given: the core, the caller, the stopwatch."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request

from gateway.core import Gateway
from gateway.stopwatch import Stopwatch


async def _core(request: Request) -> Gateway:
    core: Gateway = request.app.state.core
    return core


async def _owner(request: Request) -> str:
    owner: str = request.scope["state"]["owner"]
    return owner


async def _watch(request: Request) -> Stopwatch:
    watch: Stopwatch = request.scope["state"]["watch"]
    return watch


CoreOf = Annotated[Gateway, Depends(_core)]
OwnerOf = Annotated[str, Depends(_owner)]
WatchOf = Annotated[Stopwatch, Depends(_watch)]

PreferOf = Annotated[str | None, Header(description="`wait=N`: answer in place if done within N seconds")]
IdempotencyKeyOf = Annotated[
    str | None,
    Header(description="Same key, same request: the same job. At most 255 characters"),
]
