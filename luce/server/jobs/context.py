"""What a job's handler may say while it works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from luce.server.bus.objects import ObjectStore
from luce.server.deadline import Deadline
from luce.v1 import agents_pb2


class JobContext:
    """The running job, for its handler. Made by `JobWorker`.

    Attributes:
        job_id: of the job.
        owner: whose objects the handler may read, and whose its results are.
        seed: of the job; the same seed and task give the same result.
        deadline: when the job must be done; also `Deadline.current()` inside of the handler.
        attempt: which start this is, from 1.
        objects: the object store, patient while NATS restarts.
    """

    job_id: str
    owner: str
    seed: int
    deadline: Deadline
    attempt: int
    objects: ObjectStore

    async def progress(self, stage: str, fraction: float) -> None:
        """Tell the stage and how much of the whole work is done (0..1). Cheap: sent at most a few times a second.

        While NATS is away it is dropped. Where the job is no longer this worker's, the handler is cancelled.
        """
        raise NotImplementedError

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage ("decode", "listen", "imagine", "paint", "store"); the sum of its times goes into the record."""
        raise NotImplementedError

    async def preview(self, index: int, step: int, steps: int, png: bytes) -> None:
        """Show a picture in the making: picture `index` after `step` of `steps`. Best effort, never an error."""
        raise NotImplementedError

    async def partial(
        self,
        *,
        music: agents_pb2.MusicDescription | None = None,
        prompt: agents_pb2.Prompt | None = None,
        image: agents_pb2.PaintedImage | None = None,
    ) -> None:
        """Tell one part of the result before the rest. Exactly one argument. Best effort, never an error."""
        raise NotImplementedError

    def used_model(self, name: str, version: str) -> None:
        """Record that this model took part."""
        raise NotImplementedError
