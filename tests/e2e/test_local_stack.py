"""`luce up`, `status` and `down`, and a command that brings its own stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from luce.server.local import state
from tests.fixtures.stack import RunningStack

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
    assert {process["name"] for process in told["processes"]} == {"nats", "triton", "postgres", "agents", "gateway"}
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
