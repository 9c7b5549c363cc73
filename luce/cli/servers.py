"""The server that a task command talks to: one that is named, one that runs, or one for the command's own duration."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from luce._home import home
from luce.cli.output import seconds
from luce.errors import Unavailable
from luce.server.local import state
from luce.server.local.checkout import MissingPart
from luce.server.local.stack import TaskStack
from luce.server.local.state import RunRecord
from luce.server.local.supervisor import ChildState, GaveUp, Status

STARTING_S: Final = 180.0

_WORDS: Final = {
    ChildState.STARTING: "starting",
    ChildState.UNREADY: "not answering",
    ChildState.STOPPING: "stopping",
    ChildState.STOPPED: "stopped",
}


def status_line(status: Status) -> str:
    """One process in one line."""
    name = f"{status.name:<9}"
    match status.state:
        case ChildState.READY:
            return f"{name} ready after {seconds(status.ready_after_s)}"
        case ChildState.RESTARTING:
            return f"{name} {status.detail}: starting it again (log: {status.log})"
        case ChildState.FAILED:
            return f"{name} given up"
        case state:
            return f"{name} {_WORDS.get(state, state.value)}"


async def running_stack(say: Callable[[str], None]) -> RunRecord | None:
    """The user's own stack, waited for while it starts; None where none runs.

    Raises:
        Unavailable: It does not get ready.
    """
    until = time.monotonic() + STARTING_S
    told = False
    while (record := state.read(home())) is not None and record.alive and record.state in ("starting", "ready"):
        if record.state == "ready":
            return record
        if not told:
            say("waiting for the stack that is starting")
            told = True
        if time.monotonic() > until:
            raise Unavailable(f"the stack is still starting after {STARTING_S:g} s: see `luce status`")
        await asyncio.sleep(0.1)
    return None


@asynccontextmanager
async def server(
    named: str | None, say: Callable[[str], None], *, start: bool = True
) -> AsyncIterator[tuple[str, float]]:
    """The address of a server for the duration of the block, and how many seconds it took to start one (0: none was).

    Args:
        named: "host:port" as the user gave it; None: `LUCE_SERVER`, the running stack, or one of our own.
        say: Called with lines for people.
        start: Whether to start one where none runs; it would know nothing of earlier jobs.

    Raises:
        Unavailable: None runs, and none can be started.
    """
    named = named or os.environ.get("LUCE_SERVER")
    if named:
        yield named, 0.0
        return
    running = await running_stack(say)
    if running is not None:
        yield running.endpoints["grpc"], 0.0
        return
    if not start:
        raise Unavailable("no stack is running: start one with `luce up`, or name one with --server")
    say("no stack is running: starting one for this command (`luce up` keeps one warm)")
    started = time.monotonic()

    def report(status: Status) -> None:
        if status.state not in (ChildState.STOPPING, ChildState.STOPPED):
            say("  " + status_line(status))

    stack = TaskStack(home(), report=report)
    try:
        await stack.__aenter__()
    except (MissingPart, GaveUp) as error:
        raise Unavailable(str(error)) from error
    try:
        took = time.monotonic() - started
        say(f"the stack is ready after {seconds(took)}")
        yield stack.endpoints["grpc"], took
    finally:
        say("stopping the stack")
        await stack.__aexit__(None, None, None)
