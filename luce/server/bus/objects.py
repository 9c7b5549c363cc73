"""Media by reference: uploads, results and previews in JetStream's object store.

The layout is that of NATS's own object buckets (so `nats object ls LUCE_OBJECTS` works). Chunks are written and read
one by one with a deadline each: memory stays bounded, and a restart of NATS in the middle costs a repeated request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from nats.js import JetStreamContext, api

from luce.errors import Internal, InvalidArgument, NotFound, PayloadTooLarge, ResourceExhausted, ServiceError
from luce.server.bus.streams import StreamFull, Streams
from luce.server.deadline import Deadline
from luce.server.settings import BusSettings
from luce.v1 import media_pb2

log = logging.getLogger(__name__)

ObjectKind = Literal["upload", "result", "preview"]

BUCKET: Final = "LUCE_OBJECTS"
STREAM: Final = f"OBJ_{BUCKET}"
DEFAULT_DEADLINE_S: Final = 60.0
MAX_KEY_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class _Meta:
    blob: media_pb2.BlobRef
    owner: str
    chunk_subject: str
    chunks: int


class ObjectStore:
    """Blobs with an owner.

    Args:
        js: JetStream of a connected client.
        settings: chunk size, times to live, request timeout; the defaults where left out.
        patience_s: how long an operation waits for NATS to come back before `Unavailable`, seconds.
    """

    def __init__(self, js: JetStreamContext, settings: BusSettings | None = None, *, patience_s: float = 0.0) -> None:
        self._settings = settings or BusSettings()
        self._streams = Streams(js, timeout_s=self._settings.request_timeout_s, patience_s=patience_s)

    async def ensure(self) -> None:
        """Create the bucket, or bring its configuration up to date."""
        await self._streams.reconcile(
            api.StreamConfig(
                name=STREAM,
                subjects=[f"$O.{BUCKET}.C.>", f"$O.{BUCKET}.M.>"],
                storage=api.StorageType.FILE,
                max_age=self._settings.object_ttl_s,
                max_bytes=self._settings.object_store_bytes,
                discard=api.DiscardPolicy.NEW,
                allow_rollup_hdrs=True,
                allow_direct=True,
                allow_msg_ttl=True,
                num_replicas=self._settings.replicas,
            )
        )

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
        key = f"{kind}-{secrets.token_urlsafe(18)}"
        nuid = secrets.token_hex(11)
        chunk_subject = f"$O.{BUCKET}.C.{nuid}"
        headers = {"Nats-TTL": f"{int(self._settings.preview_ttl_s)}s"} if kind == "preview" else {}
        digest = hashlib.sha256()
        size = chunks = 0
        try:
            async for chunk in self._chunks(data, max_bytes):
                digest.update(chunk)
                await self._streams.publish(chunk_subject, chunk, headers=headers, message_id=f"{nuid}-{chunks}")
                size += len(chunk)
                chunks += 1
            if size == 0:
                raise InvalidArgument("the file is empty", field="file", limit=f"1..{max_bytes} bytes")
            blob = media_pb2.BlobRef(
                key=key, size=size, sha256=digest.hexdigest(), media_type=media_type, filename=filename
            )
            meta = _meta_json(blob, owner=owner, nuid=nuid, chunks=chunks, digest=digest.digest())
            await self._streams.publish(
                _meta_subject(key), meta, headers={**headers, "Nats-Rollup": "sub"}, message_id=f"{nuid}-meta"
            )
        except StreamFull as error:
            await self._discard(chunk_subject)
            raise ResourceExhausted("the object store is full", retry_after=60.0) from error
        except BaseException:
            # A cancelled upload as well: half of a file would take room until it expires.
            await self._discard(chunk_subject)
            raise
        return blob

    async def get(self, key: str, *, owner: str | None = None, deadline: Deadline | float | None = None) -> bytes:
        """All bytes of a blob, checked against its SHA-256; `deadline` is a `Deadline` or seconds.

        Raises `NotFound` (also where it is another owner's), `DeadlineExceeded`, `Unavailable`.
        """
        if not isinstance(deadline, Deadline):
            deadline = Deadline.current_or_after(DEFAULT_DEADLINE_S if deadline is None else deadline)
        parts = []
        async with deadline.enforce("reading a file"):
            async for chunk in self.stream(key, owner=owner):
                parts.append(chunk)
        return b"".join(parts)

    async def stream(self, key: str, *, owner: str | None = None) -> AsyncIterator[bytes]:
        """The bytes of a blob, chunk by chunk, checked at the end. Raises as `get` does."""
        meta = await self._meta(key, owner)
        digest = hashlib.sha256()
        last = 0
        for _ in range(meta.chunks):
            stored = await self._streams.next(STREAM, meta.chunk_subject, last)
            if stored is None:
                raise NotFound(f"no such file: {key!r} has expired", field="key")
            last = stored.sequence
            digest.update(stored.data)
            yield stored.data
        if digest.hexdigest() != meta.blob.sha256:
            log.error("object %s: the stored bytes do not match their SHA-256", key)
            raise Internal("a stored file is damaged")

    async def info(self, key: str, owner: str | None = None) -> media_pb2.BlobRef:
        """The reference of a stored blob. Raises `NotFound` (also where it is another owner's), `Unavailable`."""
        return (await self._meta(key, owner)).blob

    async def _meta(self, key: str, owner: str | None) -> _Meta:
        stored = await self._streams.last(STREAM, _meta_subject(key)) if 0 < len(key) <= MAX_KEY_LENGTH else None
        if stored is None:
            raise NotFound(f"no such file: {key!r}", field="key")
        meta = _parse_meta(stored.data)
        if owner is not None and meta.owner != owner:
            raise NotFound(f"no such file: {key!r}", field="key")
        return meta

    async def _chunks(self, data: bytes | AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
        limit = self._settings.chunk_bytes
        if isinstance(data, bytes):
            _check_size(len(data), max_bytes)
            for start in range(0, len(data), limit):
                yield data[start : start + limit]
            return
        size = 0
        buffer = bytearray()
        async for piece in data:
            size += len(piece)
            _check_size(size, max_bytes)
            buffer += piece
            while len(buffer) >= limit:
                yield bytes(buffer[:limit])
                del buffer[:limit]
        if buffer:
            yield bytes(buffer)

    async def _discard(self, chunk_subject: str) -> None:
        try:
            await self._streams.patient(0).purge(STREAM, chunk_subject)
        except ServiceError as error:
            log.warning("chunks of a failed upload stay until they expire: %s", error)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise PayloadTooLarge(f"the file is larger than {max_bytes} bytes", field="file", limit=f"1..{max_bytes} bytes")


def _meta_subject(key: str) -> str:
    return f"$O.{BUCKET}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"


def _meta_json(blob: media_pb2.BlobRef, *, owner: str, nuid: str, chunks: int, digest: bytes) -> bytes:
    return json.dumps(
        {
            "name": blob.key,
            "bucket": BUCKET,
            "nuid": nuid,
            "size": blob.size,
            "chunks": chunks,
            "digest": "SHA-256=" + base64.urlsafe_b64encode(digest).decode(),
            "metadata": {"owner": owner, "media_type": blob.media_type, "filename": blob.filename},
        }
    ).encode()


def _parse_meta(data: bytes) -> _Meta:
    fields: dict[str, Any] = json.loads(data)
    about: dict[str, str] = fields["metadata"]
    digest = base64.urlsafe_b64decode(str(fields["digest"]).partition("=")[2])
    blob = media_pb2.BlobRef(
        key=str(fields["name"]),
        size=int(fields["size"]),
        sha256=digest.hex(),
        media_type=about["media_type"],
        filename=about["filename"],
    )
    return _Meta(blob, about["owner"], f"$O.{BUCKET}.C.{fields['nuid']}", int(fields["chunks"]))
