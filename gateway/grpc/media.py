"""MediaService: files in, files out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from gateway.core import Gateway
from gateway.grpc.interceptor import current_owner
from gateway.stopwatch import Stopwatch
from luce.errors import InvalidArgument, PayloadTooLarge
from luce.v1 import media_pb2, media_pb2_grpc

_MAX_UPLOAD_CHUNK: Final = 1024 * 1024
_DOWNLOAD_CHUNK: Final = 256 * 1024


class MediaServicer(media_pb2_grpc.MediaServiceServicer):
    """Converts and calls.

    Args:
        core: The gateway.
    """

    def __init__(self, core: Gateway) -> None:
        self._core = core

    async def Upload(  # noqa: D102, N802 - the name of the RPC
        self,
        request_iterator: AsyncIterator[media_pb2.UploadRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> media_pb2.UploadResponse:
        with self._core.upload("file", accepts="") as upload:
            first = True
            async for message in request_iterator:
                part = message.WhichOneof("part")
                if (part == "header") != first:
                    raise InvalidArgument("a header comes first and once", field="header", limit="first message")
                if first:
                    upload.filename, first = message.header.filename, False
                elif len(message.chunk) > _MAX_UPLOAD_CHUNK:
                    limit = f"{_MAX_UPLOAD_CHUNK} bytes"
                    raise PayloadTooLarge(f"a chunk is larger than {limit}", field="chunk", limit=limit)
                else:
                    upload.write(message.chunk)
            return media_pb2.UploadResponse(blob=await self._core.store(upload, current_owner(), Stopwatch()))

    async def Download(  # noqa: D102, N802 - the name of the RPC
        self, request: media_pb2.DownloadRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[media_pb2.DownloadResponse]:
        async for piece in self._core.objects.stream(request.key, owner=current_owner()):
            for start in range(0, len(piece), _DOWNLOAD_CHUNK):
                yield media_pb2.DownloadResponse(chunk=piece[start : start + _DOWNLOAD_CHUNK])
