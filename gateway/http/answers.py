"""Answers, and how they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from gateway.http.schemas import Problem
from gateway.problems import MEDIA_TYPE
from luce.errors import Cancelled
from luce.server.errors import from_problem
from luce.v1 import jobs_pb2


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON by orjson."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The declaration of these error answers, for OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status in statuses
    }


def raise_for_failure(job: jobs_pb2.Job) -> None:
    """Raises what a job failed with, or `Cancelled` where it was cancelled; else nothing."""
    if job.state == jobs_pb2.JOB_STATE_FAILED:
        raise from_problem(job.problem)
    if job.state == jobs_pb2.JOB_STATE_CANCELLED:
        raise Cancelled("the job was cancelled")
