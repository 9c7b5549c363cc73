"""The worker's side of jobs: pull, run, report, finish exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from luce.server.bus.connection import BusClient
from luce.server.jobs.context import JobContext
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, JobSettings
from luce.v1 import jobs_pb2

JobHandler = Callable[[jobs_pb2.QueuedTask, jobs_pb2.Job, JobContext], Awaitable[jobs_pb2.Job.Result]]


class JobWorker:
    """Runs the jobs of one kind. A `ServiceHost` starts and drains it.

    Args:
        kind: of the jobs, such as "paint".
        handler: does the work. It raises a `RequestError` where the request is at fault (the job fails at once);
            after any other error it is tried again, with a pause. It is cancelled where the job is.
        concurrency: how many jobs run at once in this process.
        settings: of the jobs; the same in all processes.
        bus: of the connection.
    """

    def __init__(
        self,
        kind: str,
        handler: JobHandler,
        *,
        concurrency: int,
        settings: JobSettings | None = None,
        bus: BusSettings | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self, nc: BusClient, metrics: Metrics | None = None) -> None:
        """Reconcile the streams and start to pull. Raises `Unavailable`."""
        raise NotImplementedError

    async def drain(self, timeout_s: float) -> None:
        """Take no more jobs; wait `timeout_s` seconds for those that run; hand the others back at once."""
        raise NotImplementedError
