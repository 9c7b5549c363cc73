"""`luce up`, `luce status`, `luce down`: the local stack."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from luce._home import home
from luce.cli import exits
from luce.cli.output import answer, answer_json, say, seconds
from luce.cli.servers import STARTING_S, status_line
from luce.errors import Unavailable
from luce.server.local import state
from luce.server.local.checkout import MissingPart
from luce.server.local.plan import StackOptions
from luce.server.local.stack import LocalStack
from luce.server.local.state import AlreadyRunning, RunRecord
from luce.server.local.supervisor import GaveUp

MIB: Final = 1024 * 1024
DOWN_S: Final = 90.0
UP_LOG: Final = "up.log"
UP_EPILOG: Final = """\
State and logs lie in LUCE_HOME (default: .luce in the checkout).
Settings of the services come from the environment, such as LUCE_AGENTS_DEFAULT_STEPS=20.

examples:
  luce up             stay in front; Ctrl-C drains and stops
  luce up --detach    come back when it is ready; `luce down` stops it
"""


def add_parsers(commands: Any) -> None:
    """Describe the commands."""
    up: argparse.ArgumentParser = commands.add_parser(
        "up",
        help="start the whole stack on this machine",
        epilog=UP_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    up.add_argument("--detach", action="store_true", help="run in the background; return when it is ready")
    up.add_argument("--no-postgres", action="store_true", help="leave PostgreSQL out; painting does without it")
    up.set_defaults(run=run_up)
    status: argparse.ArgumentParser = commands.add_parser(
        "status", help="what runs, where, and how much memory it takes"
    )
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.set_defaults(run=run_status)
    down: argparse.ArgumentParser = commands.add_parser("down", help="drain and stop the stack")
    down.set_defaults(run=run_down)


async def run_up(arguments: argparse.Namespace) -> int:
    """Start the stack, and stay with it unless told otherwise."""
    try:
        if arguments.detach:
            return await _detach(arguments)
        return await _stay(StackOptions(home(), postgres=not arguments.no_postgres))
    except (MissingPart, GaveUp, AlreadyRunning) as error:
        raise Unavailable(str(error)) from error


async def _stay(options: StackOptions) -> int:
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[signal.Signals] = asyncio.Queue(maxsize=4)

    def ask(number: signal.Signals) -> None:
        if not asked.full():
            asked.put_nowait(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number)
    stack = LocalStack(options, report=lambda status: say(status_line(status)))
    started = time.monotonic()
    serving = asyncio.create_task(_serve(stack, started))
    wanted = asyncio.create_task(asked.get())
    await asyncio.wait([serving, wanted], return_when=asyncio.FIRST_COMPLETED)
    if wanted.done():
        say("draining (Ctrl-C again to kill)")
        serving.cancel()
        again = asyncio.create_task(asked.get())
        await asyncio.wait([serving, again], return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            say("killing")
            stack.kill()
        again.cancel()
    wanted.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        say("stopped")
    return exits.OK


async def _serve(stack: LocalStack, started: float) -> None:
    async with stack:
        say(f"ready after {seconds(time.monotonic() - started)}")
        for name, address in stack.endpoints.items():
            say(f"  {name:<12} {address}")
        say(f"  {'logs':<12} {stack.folder / 'logs'}")
        await stack.wait()


async def _detach(arguments: argparse.Namespace) -> int:
    folder = home()
    before = state.read(folder)
    if before is not None and before.alive:
        raise AlreadyRunning(f"a stack of {folder} is already running: see `luce status`")
    log = folder / "logs" / UP_LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "luce.cli.main", "up"]
    if arguments.no_postgres:
        command.append("--no-postgres")
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "LUCE_HOME": str(folder)},
        )
    shown = 0
    until = time.monotonic() + STARTING_S
    while True:
        ended = process.returncode is not None
        shown = _follow(log, shown)
        record = state.read(folder)
        if record is not None and record.pid == process.pid and record.state == "ready":
            _follow(log, shown)
            return exits.OK
        if ended:
            return process.returncode or exits.FAILED
        if time.monotonic() > until:
            process.terminate()
            raise Unavailable(f"the stack is not ready after {STARTING_S:g} s: see {log}")
        await asyncio.sleep(0.1)


def _follow(log: Path, shown: int) -> int:
    """Show what was added to a log, by whole lines, and return how far that is."""
    with log.open("rb") as file:
        file.seek(shown)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    sys.stderr.write(whole.decode(errors="replace"))
    sys.stderr.flush()
    return shown + len(whole)


async def run_status(arguments: argparse.Namespace) -> int:
    """Tell what runs. Exit code 3 where nothing does."""
    record = state.read(home())
    if record is None or not record.alive:
        if arguments.json:
            answer_json({"state": "stopped", "home": str(home())})
        else:
            answer("stopped (start it with `luce up`)")
        return exits.UNAVAILABLE
    told = _told(record)
    if arguments.json:
        answer_json(told)
        return exits.OK
    answer(f"{record.state} for {seconds(time.time() - record.started_at)} (luce {record.version}, pid {record.pid})")
    for process in told["processes"]:
        line = (
            f"  {process['name']:<11} {process['state']:<10} pid {process['pid']:<8} {process['memory_mib']:>7.0f} MiB"
        )
        extras = [f"restarted {process['restarts']}x" if process["restarts"] else "", process["detail"]]
        answer("  ".join([line, *filter(None, extras)]))
    answer(f"  {'supervisor':<11} {record.state:<10} pid {record.pid:<8} {told['supervisor_mib']:>7.0f} MiB")
    answer(f"  {'memory':<11} {told['memory_mib']:.0f} MiB (PSS), {told['rss_mib']:.0f} MiB (RSS)")
    for name, address in record.endpoints.items():
        answer(f"  {name:<11} {address}")
    answer(f"  {'logs':<11} {home() / 'logs'}")
    return exits.OK


def _told(record: RunRecord) -> dict[str, Any]:
    from luce.server.local import memory

    total = own = memory.of_process(record.pid)
    processes = []
    for process in record.processes:
        held = memory.of_tree(process.pid) if process.alive else memory.Memory()
        total += held
        processes.append(
            {
                "name": process.name,
                "state": process.state,
                "detail": process.detail,
                "pid": process.pid,
                "restarts": process.restarts,
                "ready_after_s": process.ready_after_s,
                "memory_mib": round(held.pss / MIB, 1),
                "rss_mib": round(held.rss / MIB, 1),
                "log": process.log,
            }
        )
    return {
        "state": record.state,
        "home": str(home()),
        "version": record.version,
        "pid": record.pid,
        "endpoints": record.endpoints,
        "supervisor_mib": round(own.pss / MIB, 1),
        "memory_mib": round(total.pss / MIB, 1),
        "rss_mib": round(total.rss / MIB, 1),
        "processes": processes,
    }


async def run_down(arguments: argparse.Namespace) -> int:
    """Ask the supervisor to drain, wait for it, and sweep up what a dead one left."""
    folder = home()
    record = state.read(folder)
    if record is not None and record.alive:
        os.kill(record.pid, signal.SIGTERM)
        until = time.monotonic() + DOWN_S
        while record.alive:
            if time.monotonic() > until:
                raise Unavailable(f"the stack (pid {record.pid}) is still draining after {DOWN_S:g} s")
            await asyncio.sleep(0.05)
        say("stopped")
        return exits.OK
    with state.locked(folder):
        left = state.sweep(folder)
    say(f"stopped what was left: {', '.join(left)}" if left else "nothing was running")
    return exits.OK
