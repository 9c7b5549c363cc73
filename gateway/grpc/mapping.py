"""MappingService: media into vectors and emotions, and how well they fit."""

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
        if request.media:
            return await self._core.embed_media("texts", request, current_owner(), Stopwatch())
        embedded = await self._core.embed("texts", list(request.texts), Stopwatch())
        return mapping_pb2.EmbedResponse(
            embeddings=[
                mapping_pb2.Embedding(values=vector, truncated=truncated, medium="text")
                for vector, truncated in zip(embedded.vectors.tolist(), embedded.truncated, strict=True)
            ],
            model=embedded.model,
            tokens=embedded.tokens,
            models=[embedded.model],
        )

    async def Feel(  # noqa: D102, N802 - the name of the RPC
        self, request: mapping_pb2.FeelRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> mapping_pb2.FeelResponse:
        return await self._core.feel(request, current_owner())

    async def Align(  # noqa: D102, N802 - the name of the RPC
        self, request: mapping_pb2.AlignRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> mapping_pb2.AlignResponse:
        return await self._core.align(request, current_owner())
