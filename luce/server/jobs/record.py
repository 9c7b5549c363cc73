"""The states of a job and the ways between them, as pure functions on its record.

::

    queued --started--> running --succeeded--> succeeded
      |  ^                | | |
      |  +----requeued----+ | +----failed----> failed
      |                     +-----cancelled--> cancelled
      +--cancelled, failed (deadline, poison)

A job is *fenced* by its attempt: each start counts it up, and a change that names an older attempt is refused as
`Superseded`. Nothing leaves a final state: that is `Ended`. The store adds compare-and-set, so that of two changes
at the same time one is tried again on the other's outcome.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Final

from luce.v1 import jobs_pb2, problem_pb2, records_pb2

QUEUED: Final = jobs_pb2.JOB_STATE_QUEUED
RUNNING: Final = jobs_pb2.JOB_STATE_RUNNING
SUCCEEDED: Final = jobs_pb2.JOB_STATE_SUCCEEDED
FAILED: Final = jobs_pb2.JOB_STATE_FAILED
CANCELLED: Final = jobs_pb2.JOB_STATE_CANCELLED
FINAL: Final = frozenset({SUCCEEDED, FAILED, CANCELLED})


Record = records_pb2.JobRecord


class Superseded(Exception):
    """The change comes from an attempt that is not the running one."""


class Ended(Exception):
    """The job has ended; nothing changes any more."""


def utc_now() -> datetime.datetime:
    """Now, with a time zone."""
    return datetime.datetime.now(datetime.UTC)


def state_name(state: jobs_pb2.JobState.ValueType) -> str:
    """Such as "queued"."""
    return jobs_pb2.JobState.Name(state).removeprefix("JOB_STATE_").lower()


def is_final(job: jobs_pb2.Job) -> bool:
    """Whether the job has ended."""
    return job.state in FINAL


def created(
    queued: jobs_pb2.QueuedTask,
    *,
    kind: str,
    owner: str,
    seed: int,
    queue_sequence: int,
    now: datetime.datetime,
    trace: Mapping[str, str],
) -> Record:
    """The record of a job whose message lies in the queue."""
    record = Record(
        job=jobs_pb2.Job(id=queued.job_id, kind=kind, state=QUEUED, seed=seed, owner=owner, eta_s=-1.0),
        queued=queued,
        queue_sequence=queue_sequence,
        trace=dict(trace),
    )
    record.job.created_at.FromDatetime(now)
    return record


def started(record: Record, now: datetime.datetime) -> Record:
    """A worker takes it: queued, or running where the worker before fell silent."""
    changed = _open(record)
    job = changed.job
    job.state = RUNNING
    job.attempts += 1
    job.stage = ""
    job.fraction = 0.0
    job.started_at.FromDatetime(now)
    job.models.clear()
    waited = (now - record.job.created_at.ToDatetime(datetime.UTC)).total_seconds()
    job.ClearField("timings")
    # Two machines' clocks may differ by more than the wait.
    job.timings.add(stage="queue", seconds=max(0.0, waited))
    return changed


def progressed(record: Record, attempt: int, stage: str, fraction: float) -> Record:
    """It has come so far."""
    changed = _running(record, attempt)
    changed.job.stage = stage
    changed.job.fraction = fraction
    return changed


def succeeded(
    record: Record,
    attempt: int,
    result: jobs_pb2.Job.Result,
    *,
    timings: Iterable[jobs_pb2.StageTiming],
    models: Mapping[str, str],
    now: datetime.datetime,
) -> Record:
    """It is done."""
    changed = _running(record, attempt)
    changed.job.timings.extend(timings)
    changed.job.models.update(models)
    changed.job.result.CopyFrom(result)
    changed.job.fraction = 1.0
    return _end(changed, SUCCEEDED, now)


def failed(
    record: Record,
    attempt: int | None,
    problem: problem_pb2.Problem,
    *,
    timings: Iterable[jobs_pb2.StageTiming] = (),
    models: Mapping[str, str] | None = None,
    now: datetime.datetime,
) -> Record:
    """It is given up, by the attempt that ran it, or by nobody's (None: deadline, poison)."""
    changed = _open(record) if attempt is None else _running(record, attempt)
    changed.job.timings.extend(timings)
    changed.job.models.update(models or {})
    changed.job.problem.CopyFrom(problem)
    return _end(changed, FAILED, now)


def requeued(record: Record, attempt: int, *, excused: bool) -> Record:
    """It goes back into the queue: after a failure, or (excused) because a worker leaves or something is down."""
    changed = _running(record, attempt)
    changed.job.state = QUEUED
    changed.job.stage = ""
    changed.job.fraction = 0.0
    changed.job.ClearField("started_at")
    changed.excused_attempts += excused
    return changed


def cancelled(record: Record, now: datetime.datetime) -> Record:
    """Its owner wants it no more."""
    return _end(_open(record), CANCELLED, now)


def republished(record: Record, queue_sequence: int) -> Record:
    """Its message was lost and lies at another place now."""
    changed = _open(record)
    changed.queue_sequence = queue_sequence
    return changed


def failures(record: Record) -> int:
    """Attempts that count as failures; the running one among them."""
    return record.job.attempts - record.excused_attempts


def _open(record: Record) -> Record:
    if record.job.state in FINAL:
        raise Ended(state_name(record.job.state))
    changed = Record()
    changed.CopyFrom(record)
    return changed


def _running(record: Record, attempt: int) -> Record:
    changed = _open(record)
    if record.job.state != RUNNING or record.job.attempts != attempt:
        raise Superseded(f"attempt {attempt} of {record.job.attempts}, {state_name(record.job.state)}")
    return changed


def _end(changed: Record, state: jobs_pb2.JobState.ValueType, now: datetime.datetime) -> Record:
    changed.job.state = state
    changed.job.stage = ""
    changed.job.eta_s = 0.0
    changed.job.finished_at.FromDatetime(now)
    return changed
