"""The file that tells where the local stack runs, and whether it still does."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from luce._home import RUN_FILE
from luce._version import __version__

LOCK_FILE: Final = "lock"
FORMAT: Final = 1
"""Raised when a field changes its meaning; a file of another format counts as no file."""


class AlreadyRunning(RuntimeError):
    """Another stack holds this folder."""


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None where none of this id runs.

    With the id it names a process for good: the system hands ids out again, but not at the same tick.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the command's name in parentheses, may hold anything; the fields are counted after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process of the stack.

    Attributes:
        name: The service.
        pid: Process id; 0 while none runs.
        started: `start_ticks` of it.
        state: As the supervisor told last.
        detail: Why, where that needs words.
        restarts: How often it was started again.
        ready_after_s: From its start until it was ready, seconds.
        log: Its log file.
    """

    name: str
    pid: int
    started: int
    state: str
    detail: str
    restarts: int
    ready_after_s: float
    log: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.pid != 0 and start_ticks(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A stack, as its supervisor wrote it down.

    Attributes:
        pid: Of the supervisor.
        started: `start_ticks` of the supervisor.
        state: "starting", "ready", "stopping" or "failed".
        endpoints: Name to address: "http" and "grpc" of the gateway, "nats", "triton_grpc", "triton_http", "postgres".
        processes: The children.
        started_at: When it was started, seconds since the epoch.
        version: Of Luce.
        format: Of this file.
    """

    pid: int
    started: int
    state: str
    endpoints: dict[str, str]
    processes: list[ProcessRecord] = field(default_factory=list)
    started_at: float = 0.0
    version: str = __version__
    format: int = FORMAT

    @property
    def alive(self) -> bool:
        """Whether its supervisor still runs."""
        return start_ticks(self.pid) == self.started


def write(folder: Path, record: RunRecord) -> None:
    """Replace the file in one step: a reader sees the old one or the new one."""
    aside = folder / f".{RUN_FILE}.{os.getpid()}"
    aside.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    aside.replace(folder / RUN_FILE)


def read(folder: Path) -> RunRecord | None:
    """The record, alive or not; None where there is none that this version understands."""
    try:
        fields: dict[str, Any] = json.loads((folder / RUN_FILE).read_bytes())
        if fields.get("format") != FORMAT:
            return None
        fields["processes"] = [ProcessRecord(**process) for process in fields["processes"]]
        return RunRecord(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def remove(folder: Path) -> None:
    """Forget the record."""
    (folder / RUN_FILE).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder: only one supervisor at a time. The system lets go when the holder dies, however it dies.

    Raises:
        AlreadyRunning: Somebody else holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"a stack of {folder} is already running: see `luce status`") from error
        yield


def sweep(folder: Path, *, timeout_s: float = 10.0) -> list[str]:
    """End what a dead supervisor left behind in this folder, and tell the names. Call it with the folder locked."""
    record = read(folder)
    if record is None:
        return []
    left = [process for process in record.processes if process.alive]
    for process in left:
        os.kill(process.pid, signal.SIGTERM)
    until = time.monotonic() + timeout_s
    while any(process.alive for process in left) and time.monotonic() < until:
        time.sleep(0.05)
    for process in left:
        if process.alive:
            os.killpg(process.pid, signal.SIGKILL)
    remove(folder)
    return [process.name for process in left]
