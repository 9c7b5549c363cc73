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
        embedded = await self._mapping.embed(request, Deadline.current_or_after(_TIMEOUT_S))
        return mapping_pb2.EmbedResponse(
            embeddings=[
                mapping_pb2.Embedding(values=vector, truncated=truncated)
                for vector, truncated in zip(embedded.vectors.tolist(), embedded.truncated, strict=True)
            ],
            model=embedded.model,
            tokens=embedded.tokens,
        )

    async def Feel(  # noqa: N802 - the name of the RPC
        self, request: mapping_pb2.FeelRequest, context: object
    ) -> mapping_pb2.FeelResponse:
        """A medium into emotion."""
        return await self._mapping.feel(request, Deadline.current_or_after(_TIMEOUT_S))
