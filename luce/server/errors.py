"""The one table from errors to gRPC code, HTTP status and log level, and the way errors cross the wire.

Doors (HTTP, gRPC, NATS) only translate: they call `row_for`, `to_problem`, `to_grpc_status` and `from_problem`.
What reads the wire lives in `luce._wire`, which the SDK shares. `docs/errors.md` is this table for readers; a test
holds the two together.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

import grpc

from luce import errors
from luce._wire import RICH_STATUS_KEY, from_grpc_code, from_problem, from_rich_status
from luce.v1 import problem_pb2

__all__ = [
    "RICH_STATUS_KEY",
    "TABLE",
    "ErrorRow",
    "from_exception",
    "from_grpc_code",
    "from_problem",
    "from_rich_status",
    "row_for",
    "to_grpc_status",
    "to_problem",
]


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one error shows at the doors.

    Attributes:
        grpc_code: The gRPC status code.
        http_status: The HTTP status.
        log_level: Level at which a door logs it.
        title: Short name for people (RFC 9457 `title`).
    """

    grpc_code: grpc.StatusCode
    http_status: int
    log_level: int
    title: str


TABLE: Final[dict[type[errors.LuceError], ErrorRow]] = {
    errors.LuceError: ErrorRow(grpc.StatusCode.UNKNOWN, 500, logging.ERROR, "Unknown error"),
    errors.RequestError: ErrorRow(grpc.StatusCode.INVALID_ARGUMENT, 400, logging.INFO, "Bad request"),
    errors.InvalidArgument: ErrorRow(grpc.StatusCode.INVALID_ARGUMENT, 422, logging.INFO, "Invalid argument"),
    errors.MalformedMedia: ErrorRow(grpc.StatusCode.INVALID_ARGUMENT, 400, logging.INFO, "Malformed media"),
    errors.UnsupportedMediaType: ErrorRow(
        grpc.StatusCode.INVALID_ARGUMENT, 415, logging.INFO, "Unsupported media type"
    ),
    errors.PayloadTooLarge: ErrorRow(grpc.StatusCode.OUT_OF_RANGE, 413, logging.INFO, "Payload too large"),
    errors.Unauthenticated: ErrorRow(grpc.StatusCode.UNAUTHENTICATED, 401, logging.INFO, "Not authenticated"),
    errors.PermissionDenied: ErrorRow(grpc.StatusCode.PERMISSION_DENIED, 403, logging.INFO, "Permission denied"),
    errors.NotFound: ErrorRow(grpc.StatusCode.NOT_FOUND, 404, logging.INFO, "Not found"),
    errors.FailedPrecondition: ErrorRow(grpc.StatusCode.FAILED_PRECONDITION, 409, logging.INFO, "Wrong state"),
    errors.IdempotencyMismatch: ErrorRow(
        grpc.StatusCode.ALREADY_EXISTS, 422, logging.INFO, "Idempotency key used before"
    ),
    errors.Unimplemented: ErrorRow(grpc.StatusCode.UNIMPLEMENTED, 501, logging.INFO, "Not implemented"),
    errors.ServiceError: ErrorRow(grpc.StatusCode.UNKNOWN, 500, logging.ERROR, "Service error"),
    errors.ResourceExhausted: ErrorRow(grpc.StatusCode.RESOURCE_EXHAUSTED, 429, logging.WARNING, "Queue full"),
    errors.Unavailable: ErrorRow(grpc.StatusCode.UNAVAILABLE, 503, logging.WARNING, "Unavailable"),
    errors.DeadlineExceeded: ErrorRow(grpc.StatusCode.DEADLINE_EXCEEDED, 504, logging.WARNING, "Deadline exceeded"),
    errors.Cancelled: ErrorRow(grpc.StatusCode.CANCELLED, 499, logging.INFO, "Cancelled"),
    errors.Internal: ErrorRow(grpc.StatusCode.INTERNAL, 500, logging.ERROR, "Internal error"),
}


def row_for(error: errors.LuceError) -> ErrorRow:
    """The table's row of this error."""
    return TABLE[type(error)]


def from_exception(error: BaseException) -> errors.LuceError:
    """Any exception as one of ours; what is not known becomes `Internal` with a message that tells nothing."""
    if isinstance(error, errors.LuceError):
        return error
    if isinstance(error, TimeoutError):
        return errors.DeadlineExceeded("the deadline passed")
    if isinstance(error, asyncio.CancelledError):
        return errors.Cancelled("cancelled")
    return errors.Internal("internal error; the log of this service tells more")


def to_problem(error: errors.LuceError) -> problem_pb2.Problem:
    """The error as it crosses the wire."""
    return problem_pb2.Problem(
        code=error.code,
        message=error.message,
        field=error.field,
        limit=error.limit,
        retryable=error.retryable,
        retry_after_s=error.retry_after or 0.0,
    )


def to_grpc_status(error: errors.LuceError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, message and trailing metadata (a rich status) for a gRPC door."""
    row = row_for(error)
    rich = problem_pb2.RichStatus(code=row.grpc_code.value[0], message=error.message)
    rich.details.add().Pack(to_problem(error))
    return row.grpc_code, error.message, ((RICH_STATUS_KEY, rich.SerializeToString()),)
