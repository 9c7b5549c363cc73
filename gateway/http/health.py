"""`/livez`, `/readyz`, `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from gateway.http.answers import json_response
from gateway.http.schemas import Readiness as ReadinessShape
from gateway.readiness import Readiness, State
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
    responses={200: {"model": ReadinessShape}, 503: {"model": ReadinessShape, "description": "Not ready"}},
)
async def readyz(request: Request) -> Response:
    """Whether all work can be done: NATS is up, the models are loaded and warm, a worker of the agents is there."""
    readiness: Readiness = request.app.state.readiness
    findings = {
        name: {"ready": finding.ready, "detail": finding.detail} for name, finding in readiness.findings.items()
    }
    answer = {"status": readiness.state.value, "dependencies": findings}
    if readiness.state is State.READY:
        return json_response(answer)
    return json_response(answer, 503, {"Retry-After": str(_RETRY_AFTER_S)})


@router.get("/metrics", response_model=None, include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    catalogue: Metrics = request.app.state.metrics
    return Response(catalogue.exposition(), media_type=CONTENT_TYPE)
