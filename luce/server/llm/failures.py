"""Why a language model has no answer for us."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Reason(Enum):
    """What went wrong, as it is written on the blackboard."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    SLOW = "slow"
    """It took longer than an attempt, or all of them together, may take."""
    BUSY = "busy"
    """Too many requests (429), there or here, or it is overloaded (5xx)."""
    REJECTED = "rejected"
    """It does not take such requests: wrong key, model, path or parameter."""
    REFUSED = "refused"
    """The model declined to answer, or a filter did."""
    TRUNCATED = "truncated"
    """The answer ended at the limit of tokens."""
    MALFORMED = "malformed"
    """The answer is not JSON, or no answer of this API."""
    WRONG_SCHEMA = "wrong schema"
    """JSON, but not what was asked for."""
    OVERSIZED = "oversized"
    """More bytes than may come."""


RETRYABLE: Final = frozenset(
    {Reason.UNREACHABLE, Reason.SLOW, Reason.BUSY, Reason.TRUNCATED, Reason.MALFORMED, Reason.WRONG_SCHEMA}
)
"""Reasons after which another attempt may succeed: a model that samples may say it right the next time."""


class LanguageModelFailed(Exception):
    """There is no answer.

    Attributes:
        reason: What went wrong in the last attempt.
        message: One sentence for people; never the key, and nothing of the answer but its shape.
        retry_after_s: When the server wants to be asked again, seconds; None: it did not say.
    """

    def __init__(self, reason: Reason, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
