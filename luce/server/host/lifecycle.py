"""The states of a service, and the dependencies that they follow."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from luce.errors import LuceError
from luce.server.host.dependency import Dependency
from luce.server.metrics import Metrics

log = logging.getLogger(__name__)

OK: Final = "ok"


class ServiceState(enum.StrEnum):
    """Where a service is in its life."""

    STARTING = "starting"
    """It opens its doors; nothing is served."""

    WARMING = "warming"
    """It loads and warms what it needs."""

    READY = "ready"
    """It serves, and everything that it needs works."""

    BROKEN = "broken"
    """It would serve, but something that it needs does not work."""

    DRAINING = "draining"
    """It is going away."""


class Lifecycle:
    """The state of one service.

    Args:
        name: of the service.
        dependencies: what it needs.
        metrics: where state and dependencies are told.
        interval_s: pause between checks, seconds.
        timeout_s: how long one check may take, seconds.
        changed: called after a change of the state or of a dependency.

    Attributes:
        findings: "ok", or why the dependency does not work, of each.
    """

    def __init__(
        self,
        name: str,
        dependencies: Sequence[Dependency],
        metrics: Metrics,
        *,
        interval_s: float,
        timeout_s: float,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._name = name
        self._dependencies = tuple(dependencies)
        self._metrics = metrics
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._changed = changed
        self._state = ServiceState.STARTING
        self.findings: dict[str, str] = {dependency.name: "not checked yet" for dependency in dependencies}
        self._tell()

    @property
    def state(self) -> ServiceState:
        """The state now."""
        return self._state

    async def enter(self, state: ServiceState) -> None:
        """Go into a state; nothing leaves `DRAINING`."""
        if state is self._state or self._state is ServiceState.DRAINING:
            return
        log.info("%s: %s", self._name, state.value)
        self._state = state
        self._tell()
        await self._changed()

    def serves(self, service: str = "") -> bool:
        """Whether a gRPC service works, or ("") all that the process serves."""
        if self._state not in (ServiceState.READY, ServiceState.BROKEN):
            return False
        needed = [
            dependency
            for dependency in self._dependencies
            if not service or dependency.services is None or service in dependency.services
        ]
        return all(self.findings[dependency.name] == OK for dependency in needed)

    async def follow(self) -> None:
        """Check the dependencies, and be ready or broken by what they say, for ever."""
        while True:
            before = dict(self.findings)
            await asyncio.gather(*(self._check(dependency) for dependency in self._dependencies))
            works = all(finding == OK for finding in self.findings.values())
            state = ServiceState.READY if works else ServiceState.BROKEN
            if state is self._state and before != self.findings:
                await self._changed()
            await self.enter(state)
            await asyncio.sleep(self._interval_s)

    async def _check(self, dependency: Dependency) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await dependency.check()
            finding = OK
        except TimeoutError:
            finding = f"no answer within {self._timeout_s:g} s"
        except LuceError as error:
            finding = error.message
        except Exception as error:
            # Whatever a check raises means the same: it does not work.
            finding = f"{type(error).__name__}: {error}"
        if finding != self.findings[dependency.name]:
            log.log(logging.INFO if finding == OK else logging.WARNING, "%s: %s", dependency.name, finding)
        self.findings[dependency.name] = finding
        self._metrics.dependency_up.labels(dependency.name).set(finding == OK)

    def _tell(self) -> None:
        for state in ServiceState:
            self._metrics.service_state.labels(self._name, state.value).set(state is self._state)
