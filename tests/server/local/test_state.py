from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from luce.server.local import memory, state
from luce.server.local.logfile import LogFile
from luce.server.local.ports import free_ports
from luce.server.local.state import AlreadyRunning, ProcessRecord, RunRecord, start_ticks


def record(pid: int, started: int) -> RunRecord:
    process = ProcessRecord("nats", pid, started, "ready", "", 0, 0.5, "nats.log")
    return RunRecord(os.getpid(), start_ticks(os.getpid()) or 0, "ready", {"grpc": "127.0.0.1:1"}, [process])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = record(1, 2)
    state.write(tmp_path, written)
    assert state.read(tmp_path) == written
    assert written.alive
    assert not written.processes[0].alive
    state.remove(tmp_path)
    assert state.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1, "processes": [3]}', '{"format": 99}'])
def test_a_file_that_is_not_understood_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert state.read(tmp_path) is None


def test_a_process_id_that_was_handed_out_again_is_not_taken_for_the_old_process() -> None:
    here = record(0, 0)
    assert not replace(here, started=here.started - 1).alive


def test_only_one_holds_a_folder_and_the_next_may_when_it_lets_go(tmp_path: Path) -> None:
    with state.locked(tmp_path), pytest.raises(AlreadyRunning, match="already running"), state.locked(tmp_path):
        pass
    with state.locked(tmp_path):
        pass


def test_what_a_dead_supervisor_left_behind_is_ended(tmp_path: Path) -> None:
    left = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        state.write(tmp_path, record(left.pid, start_ticks(left.pid) or 0))
        assert state.sweep(tmp_path) == ["nats"]
        assert left.wait(10) != 0
        assert state.read(tmp_path) is None
    finally:
        left.kill()
        left.wait()


def test_memory_counts_a_process_and_what_it_started() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', 'input()'])"
    parent = subprocess.Popen([sys.executable, "-S", "-c", program], stdin=subprocess.PIPE)
    try:
        counted = memory.Memory()
        while counted.processes < 2:
            counted = memory.of_tree(parent.pid)
        assert 0 < counted.pss <= counted.rss
    finally:
        parent.communicate(b"\n", timeout=20)
    assert memory.of_tree(parent.pid) == memory.Memory()


def test_ports_are_free_distinct_and_the_preferred_one_where_it_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        occupied = taken.getsockname()[1]
        (wanted,) = free_ports(1)
        ports = free_ports(3, preferred=(wanted, occupied))
    assert ports[0] == wanted
    assert occupied not in ports
    assert len(set(ports)) == 3


def test_a_log_is_kept_within_bounds_while_it_is_written(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs" / "a.log", max_bytes=1000)
    with log.open("start a") as file:
        file.write(b"old line\n" * 200)
        log.bound()
        file.write(b"new line\n")
    assert log.path.read_text() == "new line\n"
    assert (tmp_path / "logs" / "a.log.1").read_text().startswith("--- ")
    assert log.tail() == "new line"


def test_the_end_of_a_log_is_that_of_the_present_run(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    for run in ("first", "second"):
        with log.open(run) as file:
            file.write(f"{run} run\n".encode() * 3)
    assert log.tail() == "second run\nsecond run\nsecond run"
    assert log.tail(1) == "second run"


def test_the_end_of_a_log_brings_the_complaints_that_came_before(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    with log.open("start triton") as file:
        file.write(b'2026-11-20T17:16:02Z E 111 backend_model.cc:692] "no such model"\n')
        file.write(b"all is well\n" * 50)
    assert log.tail(2).splitlines() == [
        '2026-11-20T17:16:02Z E 111 backend_model.cc:692] "no such model"',
        "all is well",
        "all is well",
    ]
