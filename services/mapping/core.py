"""What the mapping service answers at once, without a server."""

from __future__ import annotations

from luce.errors import Unimplemented
from luce.server.deadline import Deadline
from luce.server.inference import Embedded, TextEmbedder
from luce.v1 import mapping_pb2


class Mapping:
    """The operations behind `MappingService`.

    Args:
        embedder: Text into vectors.
    """

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder

    async def embed(self, request: mapping_pb2.EmbedRequest, deadline: Deadline) -> Embedded:
        """Texts into vectors. Raises what `TextEmbedder.embed` raises."""
        return await self._embedder.embed(list(request.texts), deadline=deadline.remaining())

    async def feel(self, request: mapping_pb2.FeelRequest, deadline: Deadline) -> mapping_pb2.FeelResponse:
        """The emotion of words or of an image.

        Raises:
            Unimplemented: There is no model for this medium.
        """
        medium = request.WhichOneof("input") or "nothing"
        raise Unimplemented(f"the emotion of {medium} needs a model that is not there", field=medium)
