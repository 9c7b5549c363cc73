"""Errors as they cross the wire, read by clients and servers alike: problems, rich statuses, plain gRPC statuses."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.message import DecodeError

from luce import errors
from luce.v1 import problem_pb2

RICH_STATUS_KEY: Final = "grpc-status-details-bin"
"""Trailing metadata key of the serialised `google.rpc.Status` (the wire shape of `luce.v1.RichStatus`)."""

FROM_GRPC: Final[dict[grpc.StatusCode, type[errors.LuceError]]] = {
    grpc.StatusCode.OK: errors.Internal,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.UNKNOWN: errors.Internal,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.FailedPrecondition,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.ABORTED: errors.Unavailable,
    grpc.StatusCode.OUT_OF_RANGE: errors.PayloadTooLarge,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unimplemented,
    grpc.StatusCode.INTERNAL: errors.Internal,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DATA_LOSS: errors.Internal,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
}
"""The error of every plain gRPC status, for servers (or proxies) that send no problem of ours."""


def from_grpc_code(code: grpc.StatusCode, message: str) -> errors.LuceError:
    """The error for a plain gRPC status: of a server that is not ours, or of the channel itself."""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in message:
        # The channel's own message limit shares the code of a full queue, but waiting never helps.
        return errors.PayloadTooLarge(message)
    if code is grpc.StatusCode.INTERNAL and "RST_STREAM" in message:
        # A connection that broke in the middle of a call.
        return errors.Unavailable(message)
    return FROM_GRPC[code](message)


def from_problem(problem: problem_pb2.Problem) -> errors.LuceError:
    """The error that crossed the wire, as the class it was."""
    kind = errors.error_for_code(problem.code)
    return kind(problem.message, field=problem.field, limit=problem.limit, retry_after=problem.retry_after_s or None)


def from_rich_status(raw: bytes) -> errors.LuceError | None:
    """The error inside a rich status, or None where it holds none of ours."""
    try:
        rich = problem_pb2.RichStatus.FromString(raw)
    except DecodeError:
        return None
    problem = problem_pb2.Problem()
    for detail in rich.details:
        if detail.Unpack(problem):
            return from_problem(problem)
    return None


def from_rpc(error: grpc.RpcError) -> errors.LuceError:
    """The error of a failed call: from its rich status where one came along, from its code otherwise."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return errors.Unavailable(str(error) or "the call failed")
    for key, value in error.trailing_metadata() or ():
        if key == RICH_STATUS_KEY and isinstance(value, bytes):
            known = from_rich_status(value)
            if known is not None:
                return known
    code = error.code()
    return from_grpc_code(code, error.details() or code.name)
