"""The door of the mapping service."""

from __future__ import annotations

from luce.server.deadline import Deadline
from luce.v1 import mapping_pb2
from services.mapping.core import Mapping

_TIMEOUT_S = 60.0


class MappingServicer:
    """`luce.v1.MappingService` over gRPC and NATS.

    Args:
        mapping: Does the work.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping

    async def Embed(  # noqa: N802 - the name of the RPC
        self, request: mapping_pb2.EmbedRequest, context: object
    ) -> mapping_pb2.EmbedResponse:
        """Media into vectors."""
        return await self._mapping.embed(request, Deadline.current_or_after(_TIMEOUT_S))

    async def Feel(  # noqa: N802 - the name of the RPC
        self, request: mapping_pb2.FeelRequest, context: object
    ) -> mapping_pb2.FeelResponse:
        """A medium into emotion."""
        return await self._mapping.feel(request, Deadline.current_or_after(_TIMEOUT_S))

    async def Align(  # noqa: N802 - the name of the RPC
        self, request: mapping_pb2.AlignRequest, context: object
    ) -> mapping_pb2.AlignResponse:
        """How well an image and a piece of music fit."""
        return await self._mapping.align(request, Deadline.current_or_after(_TIMEOUT_S))
