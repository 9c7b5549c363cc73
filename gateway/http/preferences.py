"""What a client prefers (RFC 7240)."""

from __future__ import annotations

import re
from typing import Final

_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)
_ASYNC: Final = re.compile(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", re.IGNORECASE)


def wait_seconds(prefer: str | None, most: float) -> float:
    """Seconds of `Prefer: wait=N`, capped; 0 where it is not asked for."""
    match = _WAIT.search(prefer or "")
    return min(float(match[1]), most) if match else 0.0


def wants_async(prefer: str | None) -> bool:
    """Whether `Prefer: respond-async` is asked for."""
    return _ASYNC.search(prefer or "") is not None
