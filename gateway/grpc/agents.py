"""AgentsService: relayed to the agents over the bus."""

from __future__ import annotations

from typing import Any

import grpc

from gateway.core import Gateway
from gateway.grpc.interceptor import current_owner
from luce.v1 import agents_pb2, agents_pb2_grpc


class AgentsServicer(agents_pb2_grpc.AgentsServiceServicer):
    """Converts and calls.

    Args:
        core: The gateway.
    """

    def __init__(self, core: Gateway) -> None:
        self._core = core

    async def Describe(  # noqa: D102, N802 - the name of the RPC
        self, request: agents_pb2.DescribeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> agents_pb2.DescribeResponse:
        return await self._core.describe(request, current_owner())

    async def Imagine(  # noqa: D102, N802 - the name of the RPC
        self, request: agents_pb2.ImagineRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> agents_pb2.ImagineResponse:
        return await self._core.imagine(request)
