"""`/livez`, `/readyz`, `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gateway.http.answers import json_response
from gateway.http.schemas import Readiness
from luce.server.host.lifecycle import OK, Lifecycle, ServiceState
from luce.server.metrics import CONTENT_TYPE, Metrics

router = APIRouter(tags=["health"])

_RETRY_AFTER_S = 2


@router.get("/livez", response_model=None)
async def livez() -> Response:
    """Whether the process answers at all; it depends on nothing else, so that no restart follows another's failure."""
    return json_response({"status": "live"})


@router.get(
    "/readyz",
    response_model=None,
    responses={200: {"model": Readiness}, 503: {"model": Readiness, "description": "Not ready"}},
)
async def readyz(request: Request) -> Response:
    """Whether all work can be done: NATS is up, the models are loaded and warm, a worker of the agents is there."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    findings = {name: {"ready": finding == OK, "detail": finding} for name, finding in lifecycle.findings.items()}
    answer = {"status": lifecycle.state.value, "dependencies": findings}
    if lifecycle.state is ServiceState.READY:
        return json_response(answer)
    return json_response(answer, 503, {"Retry-After": str(_RETRY_AFTER_S)})


@router.get("/metrics", response_model=None, include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    catalogue: Metrics = request.app.state.metrics
    return Response(catalogue.exposition(), media_type=CONTENT_TYPE)
