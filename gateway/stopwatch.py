"""Where a request's time went, as the `Server-Timing` header tells it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Times the stages of one request on this process's monotonic clock."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block; the times of one name add up."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Adds time that was measured elsewhere, such as inside a model."""
        self._stages[name] = self._stages.get(name, 0.0) + seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self._started

    def server_timing(self) -> str:
        """The value of `Server-Timing` (W3C): milliseconds of each stage, and in all."""
        stages = self._stages | {"total": self.elapsed}
        return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in stages.items())
