from __future__ import annotations

import datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from luce.server.jobs import record as transitions
from luce.v1 import jobs_pb2, problem_pb2, records_pb2

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def fresh() -> records_pb2.JobRecord:
    queued = jobs_pb2.QueuedTask(job_id="j")
    return transitions.created(queued, kind="paint", owner="ann", seed=3, queue_sequence=9, now=START, trace={})


class Life(RuleBasedStateMachine):
    """Workers that come, go and stall, and an owner who cancels, against what may never happen."""

    def __init__(self) -> None:
        super().__init__()
        self.record = fresh()
        self.now = START
        self.ends: list[int] = []
        self.attempts_seen = [0]

    def apply(self, changed: records_pb2.JobRecord) -> None:
        assert changed is not self.record
        self.record = changed
        self.now += datetime.timedelta(seconds=1)
        if changed.job.state in transitions.FINAL:
            self.ends.append(changed.job.state)

    def old_attempts(self) -> list[int]:
        return [attempt for attempt in self.attempts_seen if attempt != self.record.job.attempts]

    @rule()
    def start(self) -> None:
        try:
            self.apply(transitions.started(self.record, self.now))
        except transitions.Ended:
            assert self.ends
        else:
            assert self.record.job.attempts not in self.attempts_seen
            self.attempts_seen.append(self.record.job.attempts)

    @rule(late=st.booleans(), action=st.sampled_from(["progress", "succeed", "fail", "requeue", "hand_back"]))
    def act(self, late: bool, action: str) -> None:
        attempt = self.record.job.attempts
        if late and self.old_attempts():
            attempt = self.old_attempts()[-1]
        allowed = self.record.job.state == transitions.RUNNING and attempt == self.record.job.attempts
        before = self.record.SerializeToString(deterministic=True)
        try:
            self.apply(self._do(action, attempt))
        except transitions.Ended:
            assert self.ends
        except transitions.Superseded:
            assert not self.ends
        else:
            assert allowed
            return
        assert not allowed
        assert self.record.SerializeToString(deterministic=True) == before

    def _do(self, action: str, attempt: int) -> records_pb2.JobRecord:
        match action:
            case "progress":
                return transitions.progressed(self.record, attempt, "paint", 0.5)
            case "succeed":
                result = jobs_pb2.Job.Result()
                result.paint.SetInParent()
                timings = [jobs_pb2.StageTiming(stage="paint", seconds=1)]
                return transitions.succeeded(
                    self.record, attempt, result, timings=timings, models={"m": "1"}, now=self.now
                )
            case "fail":
                return transitions.failed(self.record, attempt, problem_pb2.Problem(code="internal"), now=self.now)
            case "requeue":
                return transitions.requeued(self.record, attempt, excused=False)
            case _:
                return transitions.requeued(self.record, attempt, excused=True)

    @rule()
    def give_up(self) -> None:
        try:
            self.apply(transitions.failed(self.record, None, problem_pb2.Problem(code="x"), now=self.now))
        except transitions.Ended:
            assert self.ends

    @rule()
    @precondition(lambda self: len(self.attempts_seen) > 2)
    def cancel(self) -> None:
        try:
            self.apply(transitions.cancelled(self.record, self.now))
        except transitions.Ended:
            assert self.ends

    @invariant()
    def it_ends_at_most_once(self) -> None:
        assert len(self.ends) <= 1
        assert not self.ends or self.record.job.state == self.ends[0]

    @invariant()
    def fields_fit_the_state(self) -> None:
        job = self.record.job
        assert job.HasField("result") == (job.state == transitions.SUCCEEDED)
        assert job.HasField("problem") == (job.state == transitions.FAILED)
        assert job.HasField("finished_at") == (job.state in transitions.FINAL)
        if job.state == transitions.RUNNING:
            assert job.HasField("started_at")
        if job.state == transitions.QUEUED:
            assert (job.stage, job.fraction) == ("", 0.0)
        if job.state == transitions.SUCCEEDED:
            assert job.fraction == 1.0
            assert [timing.stage for timing in job.timings] == ["queue", "paint"]
        assert 0 <= transitions.failures(self.record) <= job.attempts
        assert (job.id, job.kind, job.owner, job.seed) == ("j", "paint", "ann", 3)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


def test_a_transition_leaves_the_record_it_was_given_alone() -> None:
    record = fresh()
    before = record.SerializeToString(deterministic=True)
    running = transitions.started(record, START + datetime.timedelta(seconds=2))
    assert record.SerializeToString(deterministic=True) == before
    assert running.job.timings[0].seconds == 2.0


def test_a_clock_that_goes_backwards_makes_no_negative_wait() -> None:
    running = transitions.started(fresh(), START - datetime.timedelta(seconds=5))
    assert running.job.timings[0].seconds == 0.0


def test_a_job_that_is_not_running_takes_no_progress() -> None:
    with pytest.raises(transitions.Superseded):
        transitions.progressed(fresh(), 0, "paint", 0.5)
