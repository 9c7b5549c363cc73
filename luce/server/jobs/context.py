"""What a job's handler may say while it works."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from luce.errors import InvalidArgument, LuceError, NotFound
from luce.server.bus.objects import ObjectStore
from luce.server.deadline import Deadline
from luce.server.jobs import record as transitions
from luce.server.jobs.patience import Patience, patience
from luce.server.jobs.store import Held, JobStore
from luce.v1 import agents_pb2, jobs_pb2, mapping_pb2

log = logging.getLogger(__name__)

MAX_PREVIEW_BYTES: Final = 4 * 1024 * 1024
# Between two progress events, unless the stage changes; and between two writes of the record.
_EVENT_INTERVAL_S: Final = 0.2
_RECORD_INTERVAL_S: Final = 0.5
_MAX_PENDING: Final = 32


class JobContext:
    """The running job, for its handler. Made by `JobWorker`.

    What it tells is sent by a task of its own, in order, so that the handler never waits for NATS.

    Attributes:
        job_id: of the job.
        owner: whose objects the handler may read, and whose its results are.
        seed: of the job; the same seed and task give the same result.
        deadline: when the job must be done; also `Deadline.current()` inside of the handler.
        attempt: which start this is, from 1.
        objects: the object store, patient while NATS restarts.
        models: name to version of the models that took part.
    """

    def __init__(
        self,
        store: JobStore,
        held: Held,
        deadline: Deadline,
        *,
        objects: ObjectStore,
        previews: ObjectStore,
        lost: Callable[[], None],
    ) -> None:
        job = held.job
        self.job_id = job.id
        self.owner = job.owner
        self.seed = job.seed
        self.deadline = deadline
        self.attempt = job.attempts
        self.objects = objects
        self.models: dict[str, str] = {}
        self._previews = previews
        self._store = store
        self._held = held
        self._lost = lost
        self._begin = time.monotonic()
        self._seconds: dict[str, float] = {}
        self._stage = ""
        self._pending: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(_MAX_PENDING)
        self._next_event = 0.0
        self._next_record = 0.0

    async def progress(self, stage: str, fraction: float) -> None:
        """Tell the stage and how much of the whole work is done (0..1). Cheap: sent at most a few times a second.

        While NATS is away it is dropped. Where the job is no longer this worker's, the handler is cancelled.
        """
        now = time.monotonic()
        fraction = min(1.0, max(0.0, fraction))
        if stage == self._stage and now < self._next_event:
            return
        new_stage, self._stage = stage != self._stage, stage
        self._next_event = now + _EVENT_INTERVAL_S
        elapsed = now - self._begin
        eta_s = elapsed * (1.0 - fraction) / fraction if fraction >= 0.05 else -1.0
        progress = jobs_pb2.JobEvent.Progress(stage=stage, fraction=fraction, eta_s=eta_s)
        self._say(lambda: self._store.tell(jobs_pb2.JobEvent(job_id=self.job_id, progress=progress)))
        if new_stage or now >= self._next_record:
            self._next_record = now + _RECORD_INTERVAL_S
            self._say(lambda: self._write_progress(stage, fraction))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage ("decode", "listen", "imagine", "paint", "store"); the sum of its times goes into the record."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.monotonic() - begin

    def patience(self, longest_pause_s: float) -> Patience:
        """How to call a model server that may be away: again and again until the job's deadline."""
        return patience(deadline=self.deadline, longest_pause_s=longest_pause_s, what=f"job {self.job_id}")

    async def preview(self, index: int, step: int, steps: int, png: bytes) -> None:
        """Show a picture in the making: picture `index` after `step` of `steps`. Best effort, never an error."""

        async def send() -> None:
            blob = await self._previews.put(
                png,
                media_type="image/png",
                filename=f"preview-{index}-{step}.png",
                owner=self.owner,
                max_bytes=MAX_PREVIEW_BYTES,
                kind="preview",
            )
            preview = jobs_pb2.JobEvent.Preview(index=index, step=step, steps=steps, image=blob)
            await self._store.tell(jobs_pb2.JobEvent(job_id=self.job_id, preview=preview))

        self._say(send)

    async def partial(
        self,
        *,
        music: agents_pb2.MusicDescription | None = None,
        prompt: agents_pb2.Prompt | None = None,
        image: agents_pb2.PaintedImage | None = None,
        chain: mapping_pb2.ChainStep | None = None,
        piece: mapping_pb2.Piece | None = None,
    ) -> None:
        """Tell one part of the result before the rest. Exactly one argument. Best effort, never an error."""
        if sum(part is not None for part in (music, prompt, image, chain, piece)) != 1:
            raise InvalidArgument("exactly one of music, prompt, image, chain and piece")
        partial = jobs_pb2.JobEvent.Partial(music=music, prompt=prompt, image=image, chain=chain, piece=piece)
        self._say(lambda: self._store.tell(jobs_pb2.JobEvent(job_id=self.job_id, partial=partial)))

    async def audio(self, wav: bytes, *, piece: int, index: int, start_s: float, duration_s: float, last: bool) -> None:
        """Let a stretch of sound be heard, chunk `index` of a piece. Best effort, never an error.

        Args:
            wav: A WAV file, at most `MAX_PREVIEW_BYTES`; kept as long as previews.
            piece: Which piece, from 0.
            index: Which chunk of it, from 0.
            start_s: Where in the piece it begins, seconds.
            duration_s: Seconds.
            last: Whether it is the piece's last one.
        """

        async def send() -> None:
            blob = await self._previews.put(
                wav,
                media_type="audio/wav",
                filename=f"piece-{piece}-{index}.wav",
                owner=self.owner,
                max_bytes=MAX_PREVIEW_BYTES,
                kind="preview",
            )
            chunk = mapping_pb2.AudioChunk(
                piece=piece, index=index, start_s=start_s, duration_s=duration_s, audio=blob, last=last
            )
            partial = jobs_pb2.JobEvent.Partial(audio=chunk)
            await self._store.tell(jobs_pb2.JobEvent(job_id=self.job_id, partial=partial))

        self._say(send)

    def used_model(self, name: str, version: str) -> None:
        """Record that this model took part."""
        self.models[name] = version

    @property
    def held(self) -> Held:
        """The record at the last revision that this worker knows."""
        return self._held

    @property
    def timings(self) -> list[jobs_pb2.StageTiming]:
        """Seconds of each stage, in order of their beginning."""
        return [jobs_pb2.StageTiming(stage=stage, seconds=seconds) for stage, seconds in self._seconds.items()]

    async def send_pending(self) -> None:
        """Send what was told, for ever; one task runs this beside the handler."""
        while True:
            send = await self._pending.get()
            try:
                await send()
            except LuceError as error:
                log.debug("job %s: not told: %s", self.job_id, error)
            finally:
                self._pending.task_done()

    async def flush(self, timeout_s: float) -> None:
        """Wait until what was told is sent, at most so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._pending.join()
        except TimeoutError:
            log.debug("job %s: some events were not told", self.job_id)

    def _say(self, send: Callable[[], Awaitable[None]]) -> None:
        try:
            self._pending.put_nowait(send)
        except asyncio.QueueFull:
            log.debug("job %s: an event is dropped", self.job_id)

    async def _write_progress(self, stage: str, fraction: float) -> None:
        try:
            self._held = await self._store.change(
                self._held, lambda record: transitions.progressed(record, self.attempt, stage, fraction)
            )
        except (transitions.Ended, transitions.Superseded, NotFound):
            self._lost()
