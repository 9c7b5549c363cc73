"""Jobs in the hands of a client: one that was submitted, and all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from luce._async import AsyncTransport
from luce._core import Core
from luce._events import JobEvent
from luce._music_types import Composition
from luce._sync import SyncTransport
from luce._types import Job, JobState, Painting

PAGE_SIZE = 50


class JobHandle:
    """A job that was handed in.

    Attributes:
        job: Its record as it was when the handle was made.
    """

    def __init__(self, job: Job, core: Core, transport: SyncTransport) -> None:
        self.job = job
        self._core = core
        self._transport = transport

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    def status(self) -> Job:
        """The record as it is now."""
        return self._transport.run(self._core.get(self.id))

    def events(self, after: int = 0, *, timeout: float | None = None) -> Iterator[JobEvent]:
        """What happens to the job, until it ends. `after`: the sequence of the last event already seen."""
        return self._transport.events(self._core.watch(self.id, after, timeout))

    def wait(self, timeout: float | None = None) -> Job:
        """Wait until the job ends, however it ends, and return its record."""
        return self._transport.run(self._core.watch(self.id, 0, timeout))

    def result(self, timeout: float | None = None, *, on_event: Callable[[JobEvent], object] | None = None) -> Painting:
        """Wait for what the job makes. Raises the job's error where it failed, `Cancelled` where it was cancelled."""
        return self._transport.run(self._core.result(self.id, timeout), on_event)

    def composition(
        self, timeout: float | None = None, *, on_event: Callable[[JobEvent], object] | None = None
    ) -> Composition:
        """Wait for the music that the job writes. Raises as `result`; `FailedPrecondition` where it writes none."""
        return self._transport.run(self._core.composed(self.id, timeout), on_event)

    def cancel(self) -> Job:
        """Cancel it; asked again, the same answer. `FailedPrecondition` where it has ended otherwise."""
        return self._transport.run(self._core.cancel(self.id))


class Jobs:
    """Work that was handed in, by id."""

    def __init__(self, core: Core, transport: SyncTransport) -> None:
        self._core = core
        self._transport = transport

    def handle(self, job_id: str) -> JobHandle:
        """The handle of a job that was submitted elsewhere."""
        return JobHandle(self.get(job_id), self._core, self._transport)

    def get(self, job_id: str) -> Job:
        """A job's record as it is now."""
        return self._transport.run(self._core.get(job_id))

    def list(self, states: Iterable[JobState] = (), *, page_size: int = PAGE_SIZE) -> Iterator[Job]:
        """All jobs of this caller, newest first, read page by page (of 1..100); `states`: only these."""
        return self._transport.events(self._core.list(states, page_size))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; asked again, the same answer. `FailedPrecondition` where it has ended otherwise."""
        return self._transport.run(self._core.cancel(job_id))

    def watch(self, job_id: str, after: int = 0, *, timeout: float | None = None) -> Iterator[JobEvent]:
        """What happens to a job, until it ends. `after`: the sequence of the last event already seen."""
        return self._transport.events(self._core.watch(job_id, after, timeout))


class AsyncJobHandle:
    """A job that was handed in; `JobHandle` for an event loop.

    Attributes:
        job: Its record as it was when the handle was made.
    """

    def __init__(self, job: Job, core: Core, transport: AsyncTransport) -> None:
        self.job = job
        self._core = core
        self._transport = transport

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    async def status(self) -> Job:
        """See `JobHandle.status`."""
        return await self._transport.run(self._core.get(self.id))

    def events(self, after: int = 0, *, timeout: float | None = None) -> AsyncIterator[JobEvent]:
        """See `JobHandle.events`."""
        return self._transport.events(self._core.watch(self.id, after, timeout))

    async def wait(self, timeout: float | None = None) -> Job:
        """See `JobHandle.wait`."""
        return await self._transport.run(self._core.watch(self.id, 0, timeout))

    async def result(
        self, timeout: float | None = None, *, on_event: Callable[[JobEvent], object] | None = None
    ) -> Painting:
        """See `JobHandle.result`."""
        return await self._transport.run(self._core.result(self.id, timeout), on_event)

    async def composition(
        self, timeout: float | None = None, *, on_event: Callable[[JobEvent], object] | None = None
    ) -> Composition:
        """See `JobHandle.composition`."""
        return await self._transport.run(self._core.composed(self.id, timeout), on_event)

    async def cancel(self) -> Job:
        """See `JobHandle.cancel`."""
        return await self._transport.run(self._core.cancel(self.id))


class AsyncJobs:
    """Work that was handed in, by id; `Jobs` for an event loop."""

    def __init__(self, core: Core, transport: AsyncTransport) -> None:
        self._core = core
        self._transport = transport

    async def handle(self, job_id: str) -> AsyncJobHandle:
        """See `Jobs.handle`."""
        return AsyncJobHandle(await self.get(job_id), self._core, self._transport)

    async def get(self, job_id: str) -> Job:
        """See `Jobs.get`."""
        return await self._transport.run(self._core.get(job_id))

    def list(self, states: Iterable[JobState] = (), *, page_size: int = PAGE_SIZE) -> AsyncIterator[Job]:
        """See `Jobs.list`."""
        return self._transport.events(self._core.list(states, page_size))

    async def cancel(self, job_id: str) -> Job:
        """See `Jobs.cancel`."""
        return await self._transport.run(self._core.cancel(job_id))

    def watch(self, job_id: str, after: int = 0, *, timeout: float | None = None) -> AsyncIterator[JobEvent]:
        """See `Jobs.watch`."""
        return self._transport.events(self._core.watch(job_id, after, timeout))
