"""Keeps the processes of a stack alive: starts them in order, restarts what dies, drains them in reverse."""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from luce.server.local.child import Child, DiedEarly, NotReadyInTime
from luce.server.local.logfile import LogFile
from luce.server.local.process import ProcessSpec


class ChildState(enum.Enum):
    """Where a child is in its life."""

    WAITING = "waiting"  # for what it depends on
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"  # runs, but its probe has stopped answering
    RESTARTING = "restarting"  # has died; waits before the next start
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class Service:
    """A process with its place in the order.

    Attributes:
        spec: The process.
        after: Names of the services that must be ready before it starts.
        uses: Names of further services that it uses: it starts beside them, and stops before them.
    """

    spec: ProcessSpec
    after: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The process's name."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a process that died is started again.

    Attributes:
        first_delay_s: Wait before the first restart, seconds; doubled from restart to restart.
        max_delay_s: Longest wait, seconds.
        settled_s: A process that was ready for so long counts as well again: its deaths are forgotten.
        give_up_after: So many deaths in a row without settling end the stack.
        give_up_starting_after: The same for a process that has never been ready: it lacks something.
    """

    first_delay_s: float = 0.25
    max_delay_s: float = 10.0
    settled_s: float = 20.0
    give_up_after: int = 5
    give_up_starting_after: int = 3

    def delay(self, deaths: int) -> float:
        """Seconds to wait after `deaths` (>= 1) in a row."""
        return min(self.max_delay_s, self.first_delay_s * 2.0 ** min(deaths - 1, 32))


@dataclass(slots=True)
class Status:
    """What is known of one child, as it is now.

    Attributes:
        name: The service.
        state: Where it is in its life.
        detail: Why, where that needs words.
        pid: Process id; 0 while none runs.
        restarts: How often it was started again.
        ready_after_s: From its (last) start until it was ready, seconds; 0 until then.
        log: Its log file.
    """

    name: str
    log: Path
    state: ChildState = ChildState.WAITING
    detail: str = ""
    pid: int = 0
    restarts: int = 0
    ready_after_s: float = 0.0


class GaveUp(RuntimeError):
    """A service cannot be kept alive. The message tells which, why, and the end of its log."""


Report = Callable[[Status], None]
WATCH_PAUSE_S: Final = 3.0
FAILED_PROBES: Final = 3


@dataclass(slots=True)
class _Member:
    service: Service
    status: Status
    log: LogFile
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    child: Child | None = None
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """Runs services until `stop`.

    Args:
        services: What to run; an order among them comes from `after` and `uses`.
        logs: Folder for the logs.
        report: Called on the event loop at each change of a child's state.
        policy: When to restart and when to give up.

    Raises:
        ValueError: A service depends on an unknown one, or on itself in a circle.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        logs: Path,
        report: Report = lambda status: None,
        policy: RestartPolicy | None = None,
    ) -> None:
        self._levels = _levels(services)
        self._report = report
        self._policy = policy or RestartPolicy()
        self._failed: asyncio.Future[None] | None = None
        self._members = {
            service.name: _Member(
                service, Status(service.name, logs / f"{service.name}.log"), LogFile(logs / f"{service.name}.log")
            )
            for service in services
        }

    @property
    def statuses(self) -> list[Status]:
        """Every child as it is now, in the order given."""
        return [member.status for member in self._members.values()]

    async def start(self) -> None:
        """Start everything and wait until all of it is ready.

        Raises:
            GaveUp: A service could not be started. Call `stop` all the same.
        """
        self._failed = asyncio.get_running_loop().create_future()
        for member in self._members.values():
            member.keeper = asyncio.create_task(self._keep(member), name=f"keep {member.service.name}")
        everything = asyncio.create_task(self._all_ready())
        try:
            await asyncio.wait([everything, self._failed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            everything.cancel()
        if self._failed.done():
            self._failed.result()

    async def _all_ready(self) -> None:
        for member in self._members.values():
            await member.ready.wait()

    async def wait(self) -> None:
        """Wait for ever, or until a service cannot be kept alive.

        Raises:
            GaveUp: It was given up. Call `stop` all the same.
        """
        if self._failed is None:
            raise RuntimeError("start the supervisor before waiting for it")
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Drain everything in reverse order. Cancelled, it kills what is left."""
        if self._failed is not None and self._failed.done():
            # Told by `start` or `wait` to whom it concerns; marked as seen for those who only stop.
            self._failed.exception()
        try:
            for level in reversed(self._levels):
                await asyncio.gather(*(self._stop(self._members[name]) for name in level))
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill everything at once."""
        for member in self._members.values():
            if member.keeper is not None:
                member.keeper.cancel()
            if member.child is not None:
                member.child.kill()

    async def _stop(self, member: _Member) -> None:
        if member.keeper is not None:
            member.keeper.cancel()
            await asyncio.gather(member.keeper, return_exceptions=True)
        if member.child is not None:
            if member.child.code is None:
                self._tell(member, ChildState.STOPPING)
            await member.child.stop()
        if member.status.state is not ChildState.FAILED:
            self._tell(member, ChildState.STOPPED)

    def _tell(self, member: _Member, state: ChildState, detail: str = "") -> None:
        status = member.status
        status.state, status.detail = state, detail
        status.pid = member.child.pid if member.child is not None and member.child.code is None else 0
        self._report(status)

    async def _keep(self, member: _Member) -> None:
        """Run one service for as long as this task lives."""
        try:
            for name in member.service.after:
                await self._members[name].ready.wait()
            deaths = 0
            for run in itertools.count():
                member.status.restarts = run
                settled = await self._run_once(member)
                deaths = 1 if settled else deaths + 1
                patience = self._policy.give_up_after if member.ready.is_set() else self._policy.give_up_starting_after
                if deaths >= patience:
                    raise GaveUp(f"{member.service.name} died {deaths} times in a row: {member.status.detail}")
                await asyncio.sleep(self._policy.delay(deaths))
        except (GaveUp, NotReadyInTime, OSError) as error:
            self._give_up(member, error)

    def _give_up(self, member: _Member, error: Exception) -> None:
        told = str(error) if isinstance(error, GaveUp) else f"{member.service.name} did not start: {error}"
        tail = member.log.tail()
        if member.child is not None:
            member.child.kill()
        self._tell(member, ChildState.FAILED, told)
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(GaveUp(f"{told}\n{tail}\n(all of it: {member.status.log})"))

    async def _run_once(self, member: _Member) -> bool:
        """Start the process, see it become ready, wait for its death. True: it had been well for a while."""
        clock = asyncio.get_running_loop().time
        started = clock()
        ready_at = None
        child = member.child = await Child.spawn(member.service.spec, member.log)
        self._tell(member, ChildState.STARTING)
        try:
            await child.wait_ready()
            ready_at = clock()
            member.status.ready_after_s = ready_at - started
            self._tell(member, ChildState.READY)
            member.ready.set()
            await self._watch(member, child)
        except DiedEarly:
            pass
        await child.wait()
        self._tell(member, ChildState.RESTARTING, child.ending())
        return ready_at is not None and clock() - ready_at >= self._policy.settled_s

    async def _watch(self, member: _Member, child: Child) -> None:
        """Until the process ends: keep its log within bounds, and tell when its probe stops answering."""
        ended = asyncio.create_task(child.wait())
        failed = 0
        try:
            while not (await asyncio.wait({ended}, timeout=WATCH_PAUSE_S))[0]:
                member.log.bound()
                failed = 0 if await child.spec.ready() else failed + 1
                well = member.status.state is ChildState.READY
                if well and failed >= FAILED_PROBES:
                    self._tell(member, ChildState.UNREADY, "its probe does not answer")
                elif not well and failed == 0:
                    self._tell(member, ChildState.READY)
        finally:
            ended.cancel()


def _levels(services: Sequence[Service]) -> list[list[str]]:
    """The services in groups, each of which needs only groups before it."""
    needs = {service.name: {*service.after, *service.uses} for service in services}
    if len(needs) != len(services):
        raise ValueError("two services have the same name")
    unknown = set().union(*needs.values()) - set(needs) if needs else set()
    if unknown:
        raise ValueError(f"no such service: {', '.join(sorted(unknown))}")
    levels: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(needs):
        level = [name for name, wanted in needs.items() if name not in placed and wanted <= placed]
        if not level:
            raise ValueError(f"services depend on each other in a circle: {', '.join(sorted(set(needs) - placed))}")
        levels.append(level)
        placed.update(level)
    return levels
