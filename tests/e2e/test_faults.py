"""What dies comes back, and no job is lost or done twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import luce
from luce.server.local.state import start_ticks
from tests.fixtures.stack import RunningStack, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def paint_and_kill(
    stack: RunningStack, client: luce.Client, name: str, number: signal.Signals, song: bytes
) -> luce.Job:
    """End a process in the middle of a job, and follow the job to its end."""
    handle = client.submit_paint(song, seed=5, steps=40, n=2)
    for event in handle.events(timeout=120):
        if isinstance(event, luce.Progress) and event.stage == "paint":
            break
    killed = stack.kill(name, number)
    job = handle.wait(timeout=240)
    back = stack.wait_until_back(killed)
    assert back.restarts >= 1
    endings = [
        event.job.state
        for event in handle.events(timeout=60)
        if isinstance(event, luce.StateChanged) and event.job.state.ended
    ]
    assert endings == [luce.JobState.SUCCEEDED], "the job did not finish once"
    return job


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("agents", signal.SIGKILL),
        ("nats", signal.SIGKILL),
        ("gateway", signal.SIGKILL),
        ("triton", signal.SIGKILL),
        ("agents", signal.SIGTERM),
        ("gateway", signal.SIGTERM),
    ],
)
def test_a_job_outlives_the_end_of_any_process_and_finishes_once(
    stack: RunningStack, stack_client: luce.Client, sad_ogg: bytes, name: str, number: signal.Signals
) -> None:
    job = paint_and_kill(stack, stack_client, name, number, sad_ogg)
    assert job.state is luce.JobState.SUCCEEDED
    pictures = [stack_client.download(picture.blob) for picture in job.pictures]
    again = stack_client.paint(sad_ogg, seed=5, steps=40, n=2)
    assert [image.data for image in again.images] == pictures, "the second attempt painted something else"


def gone(pids: list[tuple[int, int]], timeout_s: float) -> bool:
    return _until(lambda: all(start_ticks(pid) != started_at for pid, started_at in pids), timeout_s)


def _until(true: Callable[[], bool], timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_a_stack_whose_supervisor_is_killed_leaves_no_process(tmp_path: Path) -> None:
    with started(tmp_path, "--no-postgres") as stack:
        pids = [(process.pid, process.started) for process in stack.record.processes]
        os.kill(stack.supervisor.pid, signal.SIGKILL)
        assert gone(pids, 60)


def test_work_that_a_stop_interrupts_is_handed_back_and_done_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCE_HOST_DRAIN_TIMEOUT_S", "0.5")
    with started(tmp_path, "--no-postgres") as stack, luce.Client(stack.grpc) as client:
        handle = client.submit_paint(prompt="a long one", steps=100, n=4, seed=1)
        for event in handle.events():
            if isinstance(event, luce.Progress) and event.stage == "paint":
                break
    with started(tmp_path, "--no-postgres") as stack, luce.Client(stack.grpc) as client:
        job = client.jobs.handle(handle.id).wait(timeout=300)
        assert job.state is luce.JobState.SUCCEEDED
        assert job.attempts == 2
