"""When a request must be done: one point on this process's monotonic clock, carried from door to door.

On the wire only the time that is left travels (HTTP `X-Request-Timeout` in seconds, the gRPC deadline, NATS
`Luce-Deadline-Ms`), because the clocks of two processes have nothing in common.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar, Final

from luce.errors import DeadlineExceeded, InvalidArgument

HTTP_HEADER: Final = "X-Request-Timeout"
NATS_HEADER: Final = "Luce-Deadline-Ms"

_current: ContextVar[Deadline | None] = ContextVar("luce_deadline", default=None)


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A point in time that work must not outlive.

    Attributes:
        at: Seconds on `time.monotonic()`; infinity: never.
    """

    at: float

    NEVER: ClassVar[Deadline]

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline this many seconds from now."""
        return cls(time.monotonic() + seconds)

    @staticmethod
    def current() -> Deadline | None:
        """The deadline of the request that this task serves, or None outside of one."""
        return _current.get()

    @classmethod
    def current_or_after(cls, seconds: float) -> Deadline:
        """The request's deadline, but no later than this many seconds from now."""
        own = cls.after(seconds)
        current = _current.get()
        return own if current is None else min(own, current)

    def remaining(self) -> float:
        """Seconds left, never negative; infinity where there is no deadline."""
        return max(0.0, self.at - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether the point has passed."""
        return time.monotonic() >= self.at

    def check(self, what: str = "the request") -> None:
        """Raise `DeadlineExceeded` where the point has passed."""
        if self.expired:
            raise DeadlineExceeded(f"the deadline of {what} passed")

    @contextmanager
    def apply(self) -> Iterator[Deadline]:
        """Make this the current deadline inside the block."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    @asynccontextmanager
    async def enforce(self, what: str = "the request") -> AsyncIterator[Deadline]:
        """Make it current inside the block and cancel the block when it passes, as `DeadlineExceeded`."""
        try:
            with self.apply():
                async with asyncio.timeout(None if math.isinf(self.at) else self.remaining()) as scope:
                    yield self
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise DeadlineExceeded(f"the deadline of {what} passed") from error

    def to_ms(self) -> str:
        """The value of the NATS header: whole milliseconds left, at least 0."""
        return str(int(min(self.remaining(), 1e9) * 1000))

    @classmethod
    def from_ms(cls, value: str) -> Deadline:
        """From the value of the NATS header. Raises `InvalidArgument`."""
        if not value.isascii() or not value.isdigit():
            raise InvalidArgument(f"{NATS_HEADER} must be whole milliseconds, not {value!r}", field=NATS_HEADER)
        return cls.after(int(value) / 1000)

    @classmethod
    def from_seconds(cls, value: str) -> Deadline:
        """From the value of the HTTP header, decimal seconds > 0. Raises `InvalidArgument`."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= 86_400:
            raise InvalidArgument(
                f"{HTTP_HEADER} must be seconds in 0..86400, not {value!r}", field=HTTP_HEADER, limit="0..86400"
            )
        return cls.after(seconds)


Deadline.NEVER = Deadline(math.inf)
