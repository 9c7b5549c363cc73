"""The errors that Luce raises, on both sides of the wire.

The tree::

    LuceError
      x RequestError                 the request is at fault: the same request will fail again
        + InvalidArgument            a field is out of its range, or fields contradict each other
        + MalformedMedia             the bytes are not what they claim to be, or are cut short
        + UnsupportedMediaType       a format that is not read
        + PayloadTooLarge            more bytes, pixels or seconds than the limit
        + Unauthenticated            no valid API key
        + PermissionDenied           a valid key that may not do this
        + NotFound                   no such thing, or not the caller's
        + FailedPrecondition         not in the right state for this
        + IdempotencyMismatch        the key was used before, with another request
        + Unimplemented              a part of the contract that this server does not have
      x ServiceError                 the service is at fault, or busy
        + ResourceExhausted          the queue is full: come back after `retry_after` seconds
        + Unavailable                a part of the service is down
        + DeadlineExceeded           it took longer than the deadline
        + Cancelled                  somebody cancelled it
        + Internal                   a defect of ours

Every error carries ``code``, the stable name that travels over the wire and stands in ``docs/errors.md``.
"""

from __future__ import annotations

from typing import ClassVar


class LuceError(Exception):
    """Base of all errors.

    Attributes:
        message: One sentence for people; names the field and the limit where there is one.
        field: The request's field at fault, or "".
        limit: The limit or allowed range that was broken, such as "1..100", or "".
        retry_after: Seconds to wait before a retry, or None where no hint can be given.
    """

    code: ClassVar[str] = "unknown"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str = "", limit: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.limit = limit
        self.retry_after = retry_after

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, field={self.field!r}, limit={self.limit!r})"


class RequestError(LuceError):
    """The request is at fault: sent again unchanged, it fails again."""

    code = "bad_request"


class InvalidArgument(RequestError):
    """A field is out of its range, or fields contradict each other."""

    code = "invalid_argument"


class MalformedMedia(RequestError):
    """The bytes are not what they claim to be, or are cut short."""

    code = "malformed_media"


class UnsupportedMediaType(RequestError):
    """A format that is not read."""

    code = "unsupported_media_type"


class PayloadTooLarge(RequestError):
    """More bytes, pixels or seconds than the limit."""

    code = "payload_too_large"


class Unauthenticated(RequestError):
    """No valid API key."""

    code = "unauthenticated"


class PermissionDenied(RequestError):
    """A valid key that may not do this."""

    code = "permission_denied"


class NotFound(RequestError):
    """No such thing, or not the caller's."""

    code = "not_found"


class FailedPrecondition(RequestError):
    """Not in the right state for this."""

    code = "failed_precondition"


class IdempotencyMismatch(RequestError):
    """The idempotency key was used before, with another request."""

    code = "idempotency_mismatch"


class Unimplemented(RequestError):
    """A part of the contract that this server does not have."""

    code = "unimplemented"


class ServiceError(LuceError):
    """The service is at fault, or busy."""

    code = "service_error"


class ResourceExhausted(ServiceError):
    """The queue is full: come back after `retry_after` seconds."""

    code = "resource_exhausted"
    retryable = True


class Unavailable(ServiceError):
    """A part of the service is down."""

    code = "unavailable"
    retryable = True


class DeadlineExceeded(ServiceError):
    """It took longer than the deadline."""

    code = "deadline_exceeded"
    retryable = True


class Cancelled(ServiceError):
    """Somebody cancelled it."""

    code = "cancelled"


class Internal(ServiceError):
    """A defect of ours. The message never tells internals; the log does, under the trace id."""

    code = "internal"


def _concrete(base: type[LuceError]) -> list[type[LuceError]]:
    found = [base]
    for child in base.__subclasses__():
        found.extend(_concrete(child))
    return found


def error_for_code(code: str) -> type[LuceError]:
    """The class whose ``code`` this is; `LuceError` for one that this version does not know."""
    return next((kind for kind in _concrete(LuceError) if kind.code == code), LuceError)
