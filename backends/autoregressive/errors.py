"""What can go wrong with one request; the door turns each into an error response for that request alone."""

from __future__ import annotations


class RequestFailed(Exception):
    """One request ends with an error.

    Attributes:
        code: a gRPC status name: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, CANCELLED, UNAVAILABLE or
            INTERNAL.
        message: for people; a bad value's field and limit stand at its end as `[field=top_k limit=0..2048]`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(field: str, limit: str, found: object) -> RequestFailed:
    """A value out of its range."""
    return RequestFailed("INVALID_ARGUMENT", f"{field} is {found}, allowed {limit} [field={field} limit={limit}]")


class GenerationError(ValueError):
    """The description of a model or its graphs do not fit together: the model cannot be loaded."""
