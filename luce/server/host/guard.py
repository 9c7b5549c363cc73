"""What happens around every call, whichever way it came: deadline, trace, errors, metrics, bound."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from luce.errors import Cancelled, Internal, LuceError, ResourceExhausted, Unavailable
from luce.server import errors
from luce.server.deadline import Deadline
from luce.server.host.methods import Method
from luce.server.metrics import Metrics
from luce.server.telemetry import mark_failed, server_span

log = logging.getLogger(__name__)

OK: Final = "OK"
_BUSY_RETRY_S: Final = 0.5


class Guard:
    """Surrounds calls.

    Args:
        metrics: where to count.
        default_deadline_s: of a call that comes without a deadline, seconds.
        limit: calls in progress over each transport.

    Attributes:
        closing: set while the service drains; new calls are refused.
    """

    def __init__(self, metrics: Metrics, *, default_deadline_s: float, limit: int) -> None:
        self._metrics = metrics
        self._default_deadline_s = default_deadline_s
        self._limit = limit
        self._in_progress: Counter[str] = Counter()
        self.closing = False

    @asynccontextmanager
    async def around(
        self, method: Method, transport: str, carrier: Mapping[str, str], deadline: Deadline | None
    ) -> AsyncIterator[None]:
        """Serve one call inside of the block. What comes out is one of `luce.errors`, or a cancellation."""
        begin = time.perf_counter()
        code = OK
        name = f"{method.service}/{method.name}"
        labels = (method.service, method.name, transport)
        in_progress = self._metrics.rpc_in_progress.labels(method.service, transport)
        self._in_progress[transport] += 1
        in_progress.inc()
        try:
            with server_span(name, carrier, attributes={"rpc.system": transport}) as span:
                try:
                    self._admit(transport)
                    deadline = deadline or Deadline.after(self._default_deadline_s)
                    async with deadline.enforce(name):
                        yield
                except Exception as error:
                    known = errors.from_exception(error)
                    code = errors.row_for(known).grpc_code.name
                    mark_failed(span, known.code)
                    _log(name, known, error)
                    raise known from error
                except BaseException:
                    # The caller went away.
                    code = errors.TABLE[Cancelled].grpc_code.name
                    raise
        finally:
            self._in_progress[transport] -= 1
            in_progress.dec()
            self._metrics.rpc_requests.labels(*labels, code).inc()
            self._metrics.rpc_duration.labels(*labels).observe(time.perf_counter() - begin)

    def _admit(self, transport: str) -> None:
        if self.closing:
            raise Unavailable("this instance is going away", retry_after=_BUSY_RETRY_S)
        if self._in_progress[transport] > self._limit:
            raise ResourceExhausted(
                f"{self._limit} calls are in progress", limit=str(self._limit), retry_after=_BUSY_RETRY_S
            )


def _log(name: str, known: LuceError, error: Exception) -> None:
    level = errors.row_for(known).log_level
    log.log(
        level, "%s: %s: %s", name, known.code, known.message, exc_info=error if isinstance(known, Internal) else None
    )
