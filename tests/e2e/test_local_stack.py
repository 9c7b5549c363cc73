"""`luce up`, `status` and `down`, and a command that brings its own stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from luce.server.local import state
from tests.fixtures.stack import RunningStack, started

MEMORY_MIB = 2500


def run(*arguments: str, home: Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "luce.cli.main", *arguments],
        env={"PATH": os.environ["PATH"], "LUCE_HOME": str(home)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=200,
    )


@pytest.mark.timeout(300)
def test_status_tells_each_process_its_memory_and_the_addresses(stack: RunningStack) -> None:
    told = json.loads(run("status", "--json", home=stack.home).stdout)
    assert told["state"] == "ready"
    assert {process["name"] for process in told["processes"]} == {
        "nats",
        "triton",
        "postgres",
        "agents",
        "mapping",
        "gateway",
    }
    assert all(process["state"] == "ready" for process in told["processes"])
    assert 0 < told["memory_mib"] < MEMORY_MIB
    assert all("127.0.0.1" in address for address in told["endpoints"].values())
    assert "MiB" in run("status", home=stack.home).stdout


@pytest.mark.timeout(300)
def test_a_second_stack_in_the_same_folder_is_refused(stack: RunningStack) -> None:
    for command in (["up"], ["up", "--detach"]):
        done = run(*command, home=stack.home)
        assert done.returncode == 3
        assert "already running" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_detached_stack_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    up = run("up", "--detach", "--no-postgres", home=tmp_path)
    try:
        assert up.returncode == 0, up.stderr
        assert "gateway   ready after" in up.stderr
        record = state.read(tmp_path)
        assert record is not None
        assert record.alive
    finally:
        down = run("down", home=tmp_path)
    assert down.returncode == 0
    assert not any(process.alive for process in record.processes)
    assert run("status", home=tmp_path).returncode == 3


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_command_without_a_stack_brings_its_own_and_leaves_nothing_behind(tmp_path: Path, happy_ogg: bytes) -> None:
    (tmp_path / "song.ogg").write_bytes(happy_ogg)
    home = tmp_path / "home"
    done = run("paint", "song.ogg", "--steps", "4", "--json", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["startup_s"] > 0
    assert (tmp_path / "song.png").is_file()
    assert list((home / "tasks").iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_interrupted_command_stops_the_stack_that_it_brought(tmp_path: Path, happy_ogg: bytes) -> None:
    (tmp_path / "song.ogg").write_bytes(happy_ogg)
    home = tmp_path / "home"
    command = [sys.executable, "-m", "luce.cli.main", "paint", "song.ogg", "--steps", "100", "--n", "8"]
    env = {"PATH": os.environ["PATH"], "LUCE_HOME": str(home)}
    with subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as painting:
        assert painting.stderr is not None
        for line in painting.stderr:
            if "imagines" in line:
                break
        (folder,) = (home / "tasks").iterdir()
        record = state.read(folder)
        painting.send_signal(signal.SIGINT)
        painting.communicate(timeout=100)
    assert painting.returncode == 130
    assert record is not None
    assert {process.name for process in record.processes} == {"nats", "triton", "agents", "mapping", "gateway"}
    assert not any(process.alive for process in record.processes)
    assert list((home / "tasks").iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("interrupts", [1, 2])
def test_ctrl_c_drains_a_stack_in_front_and_a_second_one_kills_it(tmp_path: Path, interrupts: int) -> None:
    with started(tmp_path, "--no-postgres") as stack:
        processes = stack.record.processes
        stack.supervisor.send_signal(signal.SIGINT)
        # Two signals at once would be one.
        while "draining" not in (tmp_path / "up.log").read_text():
            time.sleep(0.005)
        if interrupts == 2:
            stack.supervisor.send_signal(signal.SIGINT)
        assert stack.supervisor.wait(60) == 0
    assert not any(process.alive for process in processes)
    assert state.read(tmp_path) is None
    log = (tmp_path / "up.log").read_text()
    assert ("killing" in log) == (interrupts == 2)
