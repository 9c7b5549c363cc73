"""The front side of jobs: submit, look, list, cancel, watch. The gateway's doors call this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from luce.server.bus.connection import BusClient
from luce.server.metrics import Metrics
from luce.server.settings import BusSettings, JobSettings
from luce.v1 import jobs_pb2


class Jobs:
    """Jobs as their owners see them. `await start()` before use, `await close()` after.

    Args:
        nc: a connected client.
        settings: limits, times to live.
        bus: request timeout and replicas.
        metrics: where to count; a registry of its own where left out.
    """

    def __init__(
        self,
        nc: BusClient,
        settings: JobSettings | None = None,
        *,
        bus: BusSettings | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Create or reconcile streams and buckets, and start the janitor. Raises `Unavailable`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop the janitor; the connection stays open."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Return when NATS takes jobs. Raises `Unavailable`."""
        raise NotImplementedError

    async def submit(
        self, task: jobs_pb2.Task, *, owner: str, idempotency_key: str = "", timeout_s: float = 0
    ) -> tuple[jobs_pb2.Job, bool]:
        """Accept work. When this returns, message and record are stored.

        Args:
            task: what to do; a seed that it lacks is drawn and recorded.
            owner: whose job it is.
            idempotency_key: same key, same task: the same job. At most 255 characters.
            timeout_s: give up so many seconds after submission; 0: the server's own limit.

        Returns:
            The job, and whether this call created it.

        Raises `ResourceExhausted` with `retry_after` where the queue is full, `IdempotencyMismatch`,
        `InvalidArgument`, `Unavailable`.
        """
        raise NotImplementedError

    async def get(self, job_id: str, owner: str) -> jobs_pb2.Job:
        """The job now, with live position and ETA. Raises `NotFound` (also for another owner's), `Unavailable`."""
        raise NotImplementedError

    async def list(
        self, owner: str, page_size: int = 20, page_token: str = "", states: Sequence[jobs_pb2.JobState.ValueType] = ()
    ) -> tuple[list[jobs_pb2.Job], str]:
        """One page of an owner's jobs, newest first, and the token of the next page ("": the last one).

        Raises `InvalidArgument` (page size outside of 1..100, a token of another list), `Unavailable`.
        """
        raise NotImplementedError

    async def cancel(self, job_id: str, owner: str) -> jobs_pb2.Job:
        """Cancel a queued or running job; a cancelled one is answered as it is.

        Raises `FailedPrecondition` where it succeeded or failed before, `NotFound`, `Unavailable`.
        """
        raise NotImplementedError

    def watch(self, job_id: str, owner: str, after_sequence: int = 0) -> AsyncIterator[jobs_pb2.JobEvent]:
        """What has happened after `after_sequence`, then what happens, until the job ends.

        The last event is the terminal state, also where the event itself was dropped; nothing follows where the
        client has seen it. Raises `NotFound`, `Unavailable`.
        """
        raise NotImplementedError

    async def wait(self, job_id: str, owner: str, timeout_s: float) -> jobs_pb2.Job:
        """The job when it ends, or as it is after `timeout_s` seconds. Raises `NotFound`, `Unavailable`."""
        raise NotImplementedError
