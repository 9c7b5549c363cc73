"""MappingService: text into vectors, music into emotion."""

from __future__ import annotations

from typing import Any

import grpc

from gateway.core import Gateway
from gateway.grpc.interceptor import current_owner
from gateway.stopwatch import Stopwatch
from luce.v1 import mapping_pb2, mapping_pb2_grpc


class MappingServicer(mapping_pb2_grpc.MappingServiceServicer):
    """Converts and calls.

    Args:
        core: The gateway.
    """

    def __init__(self, core: Gateway) -> None:
        self._core = core

    async def Embed(  # noqa: D102, N802 - the name of the RPC
        self, request: mapping_pb2.EmbedRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> mapping_pb2.EmbedResponse:
        embedded = await self._core.embed("texts", list(request.texts), Stopwatch())
        return mapping_pb2.EmbedResponse(
            embeddings=[
                mapping_pb2.Embedding(values=vector, truncated=truncated)
                for vector, truncated in zip(embedded.vectors.tolist(), embedded.truncated, strict=True)
            ],
            model=embedded.model,
            tokens=embedded.tokens,
        )

    async def Feel(  # noqa: D102, N802 - the name of the RPC
        self, request: mapping_pb2.FeelRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> mapping_pb2.FeelResponse:
        return await self._core.feel(request, current_owner())
