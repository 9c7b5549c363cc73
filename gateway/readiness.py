"""Whether what the gateway needs is there, looked at from time to time and not at every question."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from luce.errors import LuceError
from luce.server.host import Dependency

_log = logging.getLogger(__name__)


class State(enum.Enum):
    """Where the gateway is in its life."""

    STARTING = "starting"
    """Not every dependency has been seen working yet."""

    READY = "ready"
    """Every dependency works."""

    DEGRADED = "degraded"
    """Was ready; a dependency has stopped working. What does not need it is served on."""

    DRAINING = "draining"
    """Going away."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the last look at a dependency showed."""

    ready: bool
    detail: str


class Readiness:
    """Follows the dependencies.

    Args:
        dependencies: What to look at.
        interval_s: Pause between looks.
        timeout_s: One look takes no longer.

    Attributes:
        findings: What the last look at each showed.
        looks: How many rounds there have been.
        listener: Called after every round, to set the health of the gRPC services.
    """

    def __init__(
        self,
        dependencies: Sequence[Dependency],
        *,
        interval_s: float,
        timeout_s: float,
    ) -> None:
        self.listener: Callable[[Readiness], Awaitable[object]] | None = None
        self.findings = {dependency.name: Finding(False, "not looked at yet") for dependency in dependencies}
        self._dependencies = dependencies
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self.looks = 0
        self._was_ready = False
        self._draining = False
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        """The gateway's state."""
        if self._draining:
            return State.DRAINING
        if all(finding.ready for finding in self.findings.values()):
            return State.READY
        return State.DEGRADED if self._was_ready else State.STARTING

    async def start(self) -> None:
        """Looks once, then goes on in the background."""
        await self.look()
        self._task = asyncio.create_task(self._follow(), name="readiness")

    async def stop(self) -> None:
        """Stops looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def drain(self) -> None:
        """Not ready from now on."""
        self._draining = True
        await self._tell()

    async def look(self) -> None:
        """Looks at every dependency, all at once."""
        await asyncio.gather(*(self._look_at(dependency) for dependency in self._dependencies))
        self._was_ready = self._was_ready or self.state is State.READY
        self.looks += 1
        await self._tell()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def _look_at(self, dependency: Dependency) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await dependency.check()
            finding = Finding(True, "ready")
        except TimeoutError:
            finding = Finding(False, f"no answer within {self._timeout_s:g} s")
        except LuceError as error:
            finding = Finding(False, error.message)
        except Exception:
            # A check that breaks in a way of its own means the same to whoever asks: it does not work.
            _log.exception("the check of %s failed", dependency.name)
            finding = Finding(False, "the check failed; the log tells more")
        if finding.ready != self.findings[dependency.name].ready:
            _log.log(logging.INFO if finding.ready else logging.WARNING, "%s: %s", dependency.name, finding.detail)
        self.findings[dependency.name] = finding

    async def _tell(self) -> None:
        if self.listener is not None:
            await self.listener(self)
