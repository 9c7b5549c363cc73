"""`POST /v1/embeddings` in the OpenAI shape, as plain ASGI: the route where microseconds count.

Texts alone go straight to the text encoder; where there are media, the mapping service embeds all of it.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np
import orjson
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from gateway.core import Gateway
from gateway.http import body
from gateway.http.receiving import unicode_text
from gateway.http.request_schemas import EmbeddingsRequest
from gateway.problems import from_validation, method_not_allowed
from luce.errors import InvalidArgument, NotFound
from luce.server.inference import Embedded
from luce.v1 import mapping_pb2

PATH: Final = "/v1/embeddings"
MODEL: Final = "text_encoder"

_HEADERS: Final = [(b"content-type", b"application/json")]


class EmbeddingsEndpoint:
    """Texts in, vectors out.

    Args:
        core: The gateway.
    """

    def __init__(self, core: Gateway) -> None:
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call; its errors become problems one layer above."""
        if scope["method"] != "POST":
            await method_not_allowed(scope["method"], PATH, "POST")(scope, receive, send)
            return
        raw = await body.read_body(receive, dict(scope["headers"]), self._core.settings.max_json_bytes)
        request = _parse(raw)
        texts = [request.input] if isinstance(request.input, str) else request.input
        embedded = (
            await self._embed_media(request, texts, scope)
            if request.media_keys
            else await self._core.embed("input", texts, scope["state"]["watch"])
        )
        _check_dimensions(request.dimensions, embedded.vectors.shape[1])
        if texts and request.model not in (None, MODEL, embedded.model):
            raise _no_such_model(request.model, embedded.model)
        answer = _encode(embedded, request.encoding_format)
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": answer})

    async def _embed_media(self, request: EmbeddingsRequest, texts: list[str], scope: Scope) -> Embedded:
        wanted = mapping_pb2.EmbedRequest(texts=[unicode_text("input", text) for text in texts])
        for key in request.media_keys:
            wanted.media.add(key=unicode_text("media_keys", key))
        state = scope["state"]
        answer = await self._core.embed_media("input", wanted, state["owner"], state["watch"])
        return Embedded(
            vectors=np.array([list(found.values) for found in answer.embeddings], np.float32),
            truncated=tuple(found.truncated for found in answer.embeddings),
            tokens=answer.tokens,
            model=answer.model,
        )


def _parse(raw: bytes) -> EmbeddingsRequest:
    fields = body.parse_object(raw)
    try:
        request = EmbeddingsRequest.model_validate(fields, strict=True)
    except ValidationError as error:
        raise from_validation(list(error.errors(include_url=False))) from error
    if request.model is not None and request.model.partition(":")[0] != MODEL:
        raise _no_such_model(request.model, MODEL)
    return request


def _no_such_model(asked: str, there: str) -> NotFound:
    return NotFound(f"there is no model {asked[:64]!r} that embeds", field="model", limit=there)


def _check_dimensions(asked: int | None, there: int) -> None:
    if asked not in (None, there):
        raise InvalidArgument(f"dimensions is {asked}; the model has {there}", field="dimensions", limit=str(there))


def _encode(embedded: Embedded, encoding: str) -> bytes:
    def values(index: int) -> Any:
        vector = embedded.vectors[index]
        return vector if encoding == "float" else base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")

    data = [
        {"object": "embedding", "index": index, "embedding": values(index)} for index in range(len(embedded.vectors))
    ]
    usage = {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens}
    answer = {"object": "list", "data": data, "model": embedded.model, "usage": usage}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
