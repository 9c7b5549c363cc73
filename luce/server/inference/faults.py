"""What Triton says when something goes wrong, as our errors.

Our backends begin a message with the name of its gRPC status where Triton has no code of its own for it, and end it
with `[field=steps limit=1..100]` where a value is at fault.
"""

from __future__ import annotations

import logging
import re
from typing import Final

import grpc

from luce.errors import Internal, InvalidArgument, LuceError, ResourceExhausted, Unavailable
from luce.server.errors import from_grpc_code

log = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 1.0
"""Hint for a full model queue, seconds: about the time of one request."""

_REQUEST_ID: Final = re.compile(r"^\[request id: [^\]]*\] ")
_NAMED: Final = re.compile(r"^(?P<code>[A-Z_]{6,}): (?P<text>.*)$", re.DOTALL)
_AT_FAULT: Final = re.compile(r"\s*\[field=(?P<field>\S+) limit=(?P<limit>.*)\]$", re.DOTALL)
_INPUT: Final = re.compile(r"(?:missing required input\(s\) \[|inference input |input tensor )'(?P<field>[^']+)'")
_QUEUE_FULL: Final = "xceeds maximum queue size"
_NOT_LOADED: Final = ("unknown model", "is not ready", "not found", "not at ready state")


def from_status(model: str, code: grpc.StatusCode, details: str) -> LuceError:
    """The error for a call that ended with this gRPC status."""
    details = _REQUEST_ID.sub("", details)
    named = _NAMED.match(details)
    if named and named["code"] in grpc.StatusCode.__members__:
        code, details = grpc.StatusCode[named["code"]], named["text"]
    if code is grpc.StatusCode.NOT_FOUND or any(words in details for words in _NOT_LOADED):
        return Unavailable(f"model {model} is not loaded")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED or _QUEUE_FULL in details:
        return ResourceExhausted(f"model {model} has no room: {details}", retry_after=RETRY_AFTER_S)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return _invalid(details)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable(f"the model server is away: {details}")
    error = from_grpc_code(code, f"model {model}: {details}")
    if isinstance(error, Internal):
        log.error("model %s failed: %s %s", model, code.name, details)
        return Internal(f"model {model} failed; the log tells more")
    return error


def from_message(model: str, message: str) -> LuceError:
    """The error for a stream's error message, which carries no code: what Triton refuses before a model sees it."""
    named = _NAMED.match(_REQUEST_ID.sub("", message))
    known = named is not None and named["code"] in grpc.StatusCode.__members__
    refused = "input" in message or "shape" in message or "type" in message
    code = grpc.StatusCode.INVALID_ARGUMENT if refused and not known else grpc.StatusCode.INTERNAL
    return from_status(model, code, message)


def _invalid(details: str) -> InvalidArgument:
    found = _AT_FAULT.search(details)
    if found is None:
        # Triton's own checks name the input in words.
        named = _INPUT.search(details)
        return InvalidArgument(details, field=named["field"] if named else "")
    return InvalidArgument(details[: found.start()], field=found["field"], limit=found["limit"])
