"""Errors as RFC 9457 problem details over HTTP."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from luce.errors import InvalidArgument, LuceError, NotFound, RequestError, Unauthenticated
from luce.server import errors as table
from luce.v1 import problem_pb2

MEDIA_TYPE: Final = "application/problem+json"

# A client that gets no better hint comes back after this long.
_DEFAULT_RETRY_AFTER_S: Final = 2.0

_log = logging.getLogger(__name__)


def problem_dict(problem: problem_pb2.Problem) -> dict[str, Any]:
    """The members that every problem has, also the one inside a failed job's record."""
    row = table.TABLE[type(table.from_problem(problem))]
    body: dict[str, Any] = {
        "type": f"urn:luce:error:{problem.code}",
        "title": row.title,
        "status": row.http_status,
        "detail": problem.message,
        "code": problem.code,
        "retryable": problem.retryable,
    }
    if problem.field:
        body["field"] = problem.field
    if problem.limit:
        body["limit"] = problem.limit
    if problem.retry_after_s:
        body["retry_after_s"] = round(problem.retry_after_s, 3)
    return body


def problem_response(error: LuceError, *, path: str, headers: Mapping[str, str] | None = None) -> Response:
    """The error as an answer: problem details, with `Retry-After` where a retry may help."""
    row = table.row_for(error)
    body = problem_dict(table.to_problem(error)) | {"instance": path}
    sent = dict(headers or {})
    if row.http_status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        seconds = error.retry_after or _DEFAULT_RETRY_AFTER_S
        sent["Retry-After"] = str(max(1, math.ceil(seconds)))
    if isinstance(error, Unauthenticated):
        sent["WWW-Authenticate"] = 'Bearer realm="luce"'
    return Response(orjson.dumps(body), row.http_status, sent, MEDIA_TYPE)


def log_error(error: LuceError, cause: BaseException, where: str) -> None:
    """Logs at the level of the table; a defect of ours with its traceback."""
    row = table.row_for(error)
    defect = cause if row.log_level >= logging.ERROR else None
    _log.log(row.log_level, "%s: %s: %s", where, error.code, error.message, exc_info=defect)


def from_validation(errors: list[Any]) -> LuceError:
    """The first of pydantic's complaints, as one of ours: names the field and what is allowed."""
    first = errors[0]
    location = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    field = ".".join(location)
    kind = first["type"]
    if kind == "extra_forbidden":
        return InvalidArgument(f"there is no field {field!r}", field=field, limit="only the fields of the schema")
    if kind == "missing":
        return InvalidArgument(f"{field or 'the body'} is missing", field=field)
    limit = _limit(first.get("ctx") or {}, str(first["msg"]))
    return InvalidArgument(f"{field or 'the body'}: {first['msg']}", field=field, limit=limit)


def _limit(context: Mapping[str, Any], message: str) -> str:
    for key, shape in (("le", "at most {}"), ("lt", "less than {}"), ("ge", "at least {}"), ("gt", "more than {}")):
        if key in context:
            return shape.format(context[key])
    if "expected" in context:
        return str(context["expected"])
    return message.removeprefix("Input should be ") if message.startswith("Input should be ") else ""


async def on_luce_error(request: Request, error: Exception) -> Response:
    """FastAPI's handler for our own errors."""
    known = table.from_exception(error)
    log_error(known, error, f"{request.method} {request.url.path}")
    return problem_response(known, path=request.url.path)


async def on_defect(request: Request, error: Exception) -> Response:
    """FastAPI's handler for what nobody foresaw; it raises the error again, and `Entry` logs it."""
    return problem_response(table.from_exception(error), path=request.url.path)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """FastAPI's handler for what pydantic refuses."""
    if not isinstance(error, (RequestValidationError, ValidationError)):
        raise TypeError(f"not a validation error: {error!r}")
    return problem_response(from_validation(list(error.errors())), path=request.url.path)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """FastAPI's handler for what the router refuses: no such route (404), not this method (405)."""
    if not isinstance(error, HTTPException):
        raise TypeError(f"not an HTTP exception: {error!r}")
    path = request.url.path
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound(f"there is nothing at {path}"), path=path)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return method_not_allowed(request.method, path, (error.headers or {}).get("Allow", ""))
    return problem_response(RequestError(str(error.detail)), path=path, headers=error.headers)


def method_not_allowed(method: str, path: str, allow: str) -> Response:
    """405, which no error of ours means: gRPC has no such thing."""
    body = {
        "type": "urn:luce:error:method_not_allowed",
        "title": "Method not allowed",
        "status": int(HTTPStatus.METHOD_NOT_ALLOWED),
        "detail": f"{path} does not take {method}",
        "code": "method_not_allowed",
        "retryable": False,
        "limit": allow,
        "instance": path,
    }
    return Response(orjson.dumps(body), HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": allow}, MEDIA_TYPE)
