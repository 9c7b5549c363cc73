"""The HTTP application: routes, errors, documents. Wiring only."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from gateway import problems
from gateway.auth import Keyring
from gateway.core import Gateway
from gateway.http import (
    alignments,
    blobs,
    compositions,
    descriptions,
    embeddings,
    emotions,
    health,
    images,
    jobs,
    openapi,
    prompts,
    scores,
    streams,
)
from gateway.http.entry import Entry
from luce._version import __version__
from luce.errors import LuceError
from luce.server.host.lifecycle import Lifecycle
from luce.server.metrics import Metrics

_DESCRIPTION = """Music into pictures, tied together by emotion.

Work that takes time is a *job*: a POST answers `202` with its record, `Location` and links; follow `/events`, fetch
`/result`, cancel with `DELETE`. Every error is problem details (RFC 9457) with a stable `code`, and names the field and
the limit where there is one."""


def build(core: Gateway, lifecycle: Lifecycle, metrics: Metrics, keyring: Keyring) -> Entry:
    """The whole HTTP door as an ASGI application."""
    app = FastAPI(title="Luce", version=__version__, description=_DESCRIPTION, redoc_url=None)
    app.state.core = core
    app.state.lifecycle = lifecycle
    app.state.metrics = metrics
    for router in (
        images.router,
        descriptions.router,
        emotions.router,
        alignments.router,
        prompts.router,
        scores.router,
        compositions.router,
        jobs.router,
        streams.router,
        blobs.router,
        health.router,
    ):
        app.include_router(router)
    app.add_exception_handler(LuceError, problems.on_luce_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_exception_handler(ValidationError, problems.on_validation_error)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(Exception, problems.on_defect)
    openapi.install(app, guarded=bool(core.settings.api_keys))
    hot = {embeddings.PATH: embeddings.EmbeddingsEndpoint(core)}
    return Entry(app, hot=hot, keyring=keyring, settings=core.settings, metrics=metrics)
