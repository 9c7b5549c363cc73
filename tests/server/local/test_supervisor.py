from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from luce.server.local.process import ProcessSpec
from luce.server.local.supervisor import (
    ChildState,
    GaveUp,
    RestartPolicy,
    Service,
    Status,
    Supervisor,
)

QUICK = RestartPolicy(first_delay_s=0.02, max_delay_s=0.05, give_up_after=3)

# Ready once its file exists; ends in order on SIGTERM, writing down that it did.
WELL = """
import pathlib, signal, sys, time
name = sys.argv[1]
def drain(*_):
    with open("order", "a") as file:
        file.write(name + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
pathlib.Path(name + ".ready").touch()
while True:
    time.sleep(0.05)
"""


def spec(
    folder: Path, name: str, program: str = WELL, *, start_timeout_s: float = 20, stop_timeout_s: float = 10
) -> ProcessSpec:
    script = folder / f"{name}.py"
    script.write_text(textwrap.dedent(program))

    async def ready() -> bool:
        return (folder / f"{name}.ready").exists()

    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-S", "-E", str(script), name],
        env={"PATH": os.environ["PATH"]},
        cwd=folder,
        ready=ready,
        start_timeout_s=start_timeout_s,
        stop_timeout_s=stop_timeout_s,
    )


Make = Callable[..., Supervisor]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Supervisor] = []

    def build(*services: Service, report: Callable[[Status], None] = lambda status: None) -> Supervisor:
        made.append(Supervisor(services, logs=tmp_path / "logs", report=report, policy=QUICK))
        return made[-1]

    yield build
    for supervisor in made:
        await supervisor.stop()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for lies in other processes
            await asyncio.sleep(0.01)


def descendants() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


async def test_a_service_starts_when_what_it_waits_for_is_ready(tmp_path: Path, make: Make) -> None:
    told: list[tuple[str, ChildState]] = []
    supervisor = make(
        Service(spec(tmp_path, "front"), after=("back",)),
        Service(spec(tmp_path, "back")),
        report=lambda status: told.append((status.name, status.state)),
    )
    await supervisor.start()
    assert told.index(("back", ChildState.READY)) < told.index(("front", ChildState.STARTING))
    assert all(status.state is ChildState.READY and status.pid for status in supervisor.statuses)


async def test_services_drain_in_reverse_order(tmp_path: Path, make: Make) -> None:
    supervisor = make(
        Service(spec(tmp_path, "gateway"), uses=("agents",)),
        Service(spec(tmp_path, "agents"), after=("bus",), uses=("triton",)),
        Service(spec(tmp_path, "bus")),
        Service(spec(tmp_path, "triton")),
    )
    await supervisor.start()
    await supervisor.stop()
    order = (tmp_path / "order").read_text().split()
    assert order[:2] == ["gateway", "agents"]
    assert sorted(order[2:]) == ["bus", "triton"]
    assert all(status.state is ChildState.STOPPED and not status.pid for status in supervisor.statuses)


async def test_a_service_that_is_killed_comes_back(tmp_path: Path, make: Make) -> None:
    told: list[tuple[ChildState, str]] = []
    supervisor = make(Service(spec(tmp_path, "well")), report=lambda status: told.append((status.state, status.detail)))
    await supervisor.start()
    (status,) = supervisor.statuses
    first = status.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: status.restarts == 1 and status.state is ChildState.READY)
    assert status.pid != first
    assert (ChildState.RESTARTING, "killed by SIGKILL") in told


async def test_a_service_that_dies_again_and_again_is_given_up_with_the_end_of_its_log(
    tmp_path: Path, make: Make
) -> None:
    supervisor = make(
        Service(spec(tmp_path, "well")),
        Service(spec(tmp_path, "ill", "print('no such model', flush=True); raise SystemExit(3)")),
    )
    with pytest.raises(GaveUp, match=r"(?s)ill died 3 times.*status 3.*no such model"):
        await supervisor.start()
    await supervisor.stop()
    assert {status.name: status.state for status in supervisor.statuses} == {
        "well": ChildState.STOPPED,
        "ill": ChildState.FAILED,
    }


async def test_who_waits_hears_of_a_service_that_is_given_up_later(tmp_path: Path, make: Make) -> None:
    supervisor = make(Service(spec(tmp_path, "well")))
    await supervisor.start()
    (tmp_path / "well.py").write_text("raise SystemExit(1)")
    os.kill(supervisor.statuses[0].pid, signal.SIGKILL)
    with pytest.raises(GaveUp, match="well died 3 times"):
        await supervisor.wait()


async def test_a_service_that_never_becomes_ready_is_told(tmp_path: Path, make: Make) -> None:
    asleep = spec(tmp_path, "asleep", "import time; print('loading', flush=True); time.sleep(60)", start_timeout_s=0.5)
    supervisor = make(Service(asleep))
    with pytest.raises(GaveUp, match=r"(?s)asleep did not start: not ready after 0\.5 s.*loading"):
        await supervisor.start()


async def test_a_program_that_does_not_exist_is_told(tmp_path: Path, make: Make) -> None:
    missing = ProcessSpec(
        name="missing", argv=["/no/such/program"], env={}, cwd=tmp_path, ready=spec(tmp_path, "missing").ready
    )
    with pytest.raises(GaveUp, match="missing did not start"):
        await make(Service(missing)).start()


STUBBORN = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-S", "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
pathlib.Path("stubborn.ready").touch()
time.sleep(60)
"""


async def test_a_service_that_ignores_the_signal_is_killed_with_its_children(tmp_path: Path, make: Make) -> None:
    before = set(descendants())
    supervisor = make(Service(spec(tmp_path, "stubborn", STUBBORN, stop_timeout_s=0.3)))
    await supervisor.start()
    started = set(descendants()) - before
    assert len(started) == 2
    await supervisor.stop()
    await until(lambda: not any(psutil.pid_exists(pid) and _runs(pid) for pid in started))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


SUPERVISE = """
import asyncio, pathlib, sys
sys.path.insert(0, {root!r})
from tests.server.local.test_supervisor import Service, Supervisor, spec
folder = pathlib.Path({folder!r})
async def main():
    supervisor = Supervisor([Service(spec(folder, "well"))], logs=folder)
    await supervisor.start()
    print(supervisor.statuses[0].pid, flush=True)
    await supervisor.wait()
asyncio.run(main())
"""


async def test_a_supervisor_that_is_killed_leaves_no_orphan(tmp_path: Path) -> None:
    program = SUPERVISE.format(root=str(Path(__file__).parents[3]), folder=str(tmp_path))
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert supervisor.stdout is not None
    child = int(await supervisor.stdout.readline())
    assert _runs(child)
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not _runs(child))
    assert (tmp_path / "order").read_text() == "well ", "the orphan was not asked to drain"


async def test_a_probe_that_stops_answering_is_told(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luce.server.local.supervisor.WATCH_PAUSE_S", 0.02)
    supervisor = make(Service(spec(tmp_path, "well")))
    await supervisor.start()
    (status,) = supervisor.statuses
    (tmp_path / "well.ready").unlink()
    await until(lambda: status.state is ChildState.UNREADY)
    (tmp_path / "well.ready").touch()
    await until(lambda: status.state is ChildState.READY)
    assert status.restarts == 0


def test_an_order_that_cannot_be_is_refused(tmp_path: Path) -> None:
    one, two = spec(tmp_path, "one"), spec(tmp_path, "two")
    with pytest.raises(ValueError, match="circle"):
        Supervisor([Service(one, after=("two",)), Service(two, uses=("one",))], logs=tmp_path)
    with pytest.raises(ValueError, match="no such service: three"):
        Supervisor([Service(one, after=("three",))], logs=tmp_path)
    with pytest.raises(ValueError, match="same name"):
        Supervisor([Service(one), Service(one)], logs=tmp_path)


def test_waits_between_restarts_grow_to_a_bound() -> None:
    policy = RestartPolicy(first_delay_s=0.25, max_delay_s=10)
    assert [policy.delay(deaths) for deaths in (1, 2, 3, 7, 1000)] == [0.25, 0.5, 1.0, 10.0, 10.0]
