"""One run of one child process: in a session of its own, never outliving us, stopped with all its descendants."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable
from typing import Final

from luce.server.local.logfile import LogFile
from luce.server.local.process import ProcessSpec

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
PROBE_PAUSE_S: Final = 0.1


class DiedEarly(RuntimeError):
    """The process ended before it was ready."""


class NotReadyInTime(RuntimeError):
    """The process runs, and its probe never answered True."""


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` by which the child gets `stop_signal` when we end, however we end."""
    parent = os.getpid()

    def prepare() -> None:
        # Runs in the child between fork and exec.
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Child:
    """A running process of a `ProcessSpec`. Made by `Child.spawn`."""

    def __init__(self, spec: ProcessSpec, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self._process = process
        self._group_ended = False

    @classmethod
    async def spawn(cls, spec: ProcessSpec, log: LogFile) -> Child:
        """Start the process; its output goes to `log`."""
        with log.open(f"start {spec.name}") as file:
            process = await asyncio.create_subprocess_exec(
                *spec.argv,
                env=dict(spec.env),
                cwd=spec.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                # A Ctrl-C in the terminal is for the supervisor alone, and the group can be killed as a whole.
                start_new_session=True,
                preexec_fn=die_with_parent(spec.stop_signal),
            )
        return cls(spec, process)

    @property
    def pid(self) -> int:
        """Process id, also the id of its group."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    def ending(self) -> str:
        """How it ended, for people."""
        code = self.code
        if code is None:
            return "runs"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exited with status {code}"

    async def wait(self) -> int:
        """Wait for its end; what it left behind in its group is killed."""
        code = await self._process.wait()
        self._kill_group()
        return code

    async def wait_ready(self) -> None:
        """Poll the probe until it answers True.

        Raises:
            DiedEarly: The process ended.
            NotReadyInTime: `start_timeout_s` passed.
        """
        try:
            async with asyncio.timeout(self.spec.start_timeout_s):
                while self.code is None:
                    if await self.spec.ready():
                        return
                    await asyncio.sleep(PROBE_PAUSE_S)
        except TimeoutError as error:
            raise NotReadyInTime(f"not ready after {self.spec.start_timeout_s:g} s") from error
        raise DiedEarly(self.ending())

    async def stop(self) -> None:
        """Ask it to drain and end; kill it, and whatever it started, when that takes longer than `stop_timeout_s`."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.spec.stop_signal)
        try:
            async with asyncio.timeout(self.spec.stop_timeout_s):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """Kill it and its group at once."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._kill_group()

    def _kill_group(self) -> None:
        # Its session is its own, so the group's id is its pid. Once after its end is enough, and later the system may
        # have given the number to somebody else.
        if self._group_ended:
            return
        self._group_ended = self.code is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
