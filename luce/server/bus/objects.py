"""Media by reference: uploads, results and previews in JetStream's object store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from nats.js import JetStreamContext

from luce.server.deadline import Deadline
from luce.server.settings import BusSettings
from luce.v1 import media_pb2

ObjectKind = Literal["upload", "result", "preview"]


class ObjectStore:
    """Blobs with an owner.

    Args:
        js: JetStream of a connected client.
        settings: chunk size, times to live, request timeout; the defaults where left out.
        patience_s: how long an operation waits for NATS to come back before `Unavailable`, seconds.
    """

    def __init__(self, js: JetStreamContext, settings: BusSettings | None = None, *, patience_s: float = 0.0) -> None:
        raise NotImplementedError

    async def ensure(self) -> None:
        """Create the bucket, or bring its configuration up to date."""
        raise NotImplementedError

    async def put(
        self,
        data: bytes | AsyncIterator[bytes],
        *,
        media_type: str,
        filename: str,
        owner: str,
        max_bytes: int,
        kind: ObjectKind = "upload",
    ) -> media_pb2.BlobRef:
        """Store one blob and answer its reference (key, size, SHA-256, media type, file name).

        Raises `PayloadTooLarge` as soon as more than `max_bytes` have come, `InvalidArgument` where none came,
        `ResourceExhausted` where the store is full, `Unavailable`.
        """
        raise NotImplementedError

    async def get(self, key: str, *, owner: str | None = None, deadline: Deadline | float | None = None) -> bytes:
        """All bytes of a blob, checked against its SHA-256; `deadline` is a `Deadline` or seconds.

        Raises `NotFound` (also where it is another owner's), `DeadlineExceeded`, `Unavailable`.
        """
        raise NotImplementedError

    def stream(self, key: str, *, owner: str | None = None) -> AsyncIterator[bytes]:
        """The bytes of a blob, chunk by chunk, checked at the end. Raises as `get` does."""
        raise NotImplementedError

    async def info(self, key: str, owner: str | None = None) -> media_pb2.BlobRef:
        """The reference of a stored blob. Raises `NotFound` (also where it is another owner's), `Unavailable`."""
        raise NotImplementedError
