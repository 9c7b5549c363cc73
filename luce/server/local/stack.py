"""The local stack: one supervisor, its folder, and the file that tells others where it runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from luce.server.local import state
from luce.server.local.checkout import Checkout, require_wheels
from luce.server.local.plan import Plan, StackOptions, make_plan
from luce.server.local.state import AlreadyRunning, ProcessRecord, RunRecord, start_ticks
from luce.server.local.supervisor import Report, Status, Supervisor

TASKS: Final = "tasks"


class LocalStack:
    """All servers of Luce on loopback, for as long as the `async with` block lasts.

    Entering starts everything and waits until it is ready; leaving drains it. The folder is held meanwhile, and its run
    file tells other processes the addresses.

    Args:
        options: What to run, and where its state lies.
        report: Called at each change of a process's state.

    Raises:
        AlreadyRunning: Another stack holds the folder.
        MissingPart: Something is not installed; the message says what to install.
        GaveUp: A process could not be started; the message ends with the tail of its log.
    """

    def __init__(self, options: StackOptions, *, report: Report = lambda status: None) -> None:
        self._options = options
        self._report = report
        self._lock = contextlib.ExitStack()
        self._supervisor: Supervisor | None = None
        self._plan: Plan | None = None
        self._state = "starting"
        self._started_at = time.time()

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Name to address; see `Plan`."""
        return self._plan.endpoints if self._plan is not None else {}

    @property
    def statuses(self) -> list[Status]:
        """Every process as it is now."""
        return self._supervisor.statuses if self._supervisor is not None else []

    @property
    def folder(self) -> Path:
        """Where state and logs lie."""
        return self._options.folder

    async def __aenter__(self) -> Self:
        checkout = Checkout.find()
        require_wheels()
        self._lock.enter_context(state.locked(self.folder))
        try:
            state.sweep(self.folder)
            self._plan = make_plan(self._options, checkout)
            self._supervisor = Supervisor(self._plan.services, logs=self.folder / "logs", report=self._tell)
            self._write()
            await self._supervisor.start()
            self._state = "ready"
            self._write()
        except BaseException:
            self._state = "failed"
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._state = "stopping"
        await self._end()

    async def wait(self) -> None:
        """Wait for ever, or until a process cannot be kept alive (`GaveUp`)."""
        if self._supervisor is None:
            raise RuntimeError("the stack has not been started")
        await self._supervisor.wait()

    def kill(self) -> None:
        """Kill every process at once, for whoever cannot wait for the drain."""
        if self._supervisor is not None:
            self._supervisor.kill()

    async def _end(self) -> None:
        try:
            if self._supervisor is not None:
                await self._supervisor.stop()
        finally:
            state.remove(self.folder)
            self._lock.close()

    def _tell(self, status: Status) -> None:
        self._write()
        self._report(status)

    def _write(self) -> None:
        state.write(
            self.folder,
            RunRecord(
                pid=os.getpid(),
                started=start_ticks(os.getpid()) or 0,
                state=self._state,
                endpoints=dict(self.endpoints),
                processes=[_record(status) for status in self.statuses],
                started_at=self._started_at,
            ),
        )


def _record(status: Status) -> ProcessRecord:
    return ProcessRecord(
        name=status.name,
        pid=status.pid,
        started=(start_ticks(status.pid) or 0) if status.pid else 0,
        state=status.state.value,
        detail=status.detail,
        restarts=status.restarts,
        ready_after_s=round(status.ready_after_s, 3),
        log=str(status.log),
    )


class TaskStack(LocalStack):
    """A stack for the duration of one command, in a folder of its own beside the user's, which is deleted afterwards.

    Args:
        home: The user's folder.
        report: Called at each change of a process's state.
    """

    def __init__(self, home: Path, *, report: Report = lambda status: None) -> None:
        self._home = home
        folder = home / TASKS / f"{os.getpid()}-{time.time_ns():x}"
        super().__init__(StackOptions(folder, postgres=False, usual_ports=False), report=report)

    async def __aenter__(self) -> Self:
        sweep_tasks(self._home)
        return await super().__aenter__()

    async def _end(self) -> None:
        failed = self._state == "failed"
        await super()._end()
        if not failed:
            shutil.rmtree(self.folder, ignore_errors=True)


def sweep_tasks(home: Path) -> None:
    """Delete what commands that were killed left behind: their processes and their folders."""
    if not (home / TASKS).is_dir():
        return
    for folder in (home / TASKS).iterdir():
        with contextlib.suppress(AlreadyRunning):
            with state.locked(folder):
                state.sweep(folder)
            shutil.rmtree(folder, ignore_errors=True)
