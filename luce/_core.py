"""The SDK's operations, without input or output: what is called, in which order, and when it is called again."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from google.protobuf.message import Message

from luce import _commands as commands
from luce import _convert as convert
from luce._commands import Operation
from luce._config import DEFAULT_LIMITS, DEFAULT_RETRY, DEFAULT_TIMEOUT, Limits, Retry, Timeout
from luce._events import StateChanged
from luce._media import Source, Upload
from luce._music_types import Composition, WrittenPiece
from luce._requests import (
    AgentOptions,
    MusicOptions,
    PaintOptions,
    embed_request,
    imagine_request,
    music_options,
    paint_request,
)
from luce._types import (
    Alignment,
    Animation,
    Blob,
    Embeddings,
    Feeling,
    Film,
    Imagined,
    Job,
    JobState,
    MusicDescription,
    PaintedImage,
    Painting,
)
from luce.errors import (
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    LuceError,
    PayloadTooLarge,
    ResourceExhausted,
    Unavailable,
)
from luce.v1 import agents_pb2, jobs_pb2, mapping_pb2, media_pb2

CANCEL_TIMEOUT_S = 3.0
"""How long an abandoned operation may take to cancel its job."""

BROKEN = (Unavailable, ResourceExhausted, Cancelled)
"""How a stream fails that is worth opening again: a server that shuts down cancels the streams it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Every operation of the SDK as a generator of commands.

    Attributes:
        timeout: How long each kind of waiting may last.
        retry: When a call is sent again.
        limits: What a client may use.
        now: A monotonic clock, seconds.
        draw: Random numbers in [0, 1) for the jitter.
    """

    timeout: Timeout = DEFAULT_TIMEOUT
    retry: Retry = DEFAULT_RETRY
    limits: Limits = DEFAULT_LIMITS
    now: Callable[[], float] = field(default=time.monotonic, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)

    # Calls and waits.

    def deadline(self, seconds: float) -> float:
        """The moment `seconds` from now on the operation's clock."""
        if not seconds > 0:
            raise InvalidArgument(f"timeout must be greater than 0 seconds, not {seconds}", field="timeout")
        return self.now() + seconds

    def _remaining(self, deadline: float, what: str) -> float:
        left = deadline - self.now()
        if left <= 0:
            raise DeadlineExceeded(f"{what} took longer than its deadline")
        return left

    def _pause(self, error: LuceError, failures: int, deadline: float) -> Operation[None]:
        """Wait before the next attempt, or raise `error` where there is none."""
        if failures >= self.retry.attempts:
            raise error
        delay = self.retry.delay(failures, error.retry_after, self.draw())
        if self.now() + delay >= deadline:
            raise error
        yield commands.Sleep(delay)

    def _call(self, method: commands.Method, request: Message, deadline: float) -> Operation[Any]:
        """One unary call, again while the server is down or full. Every method called so is safe to repeat."""
        failures = 0
        while True:
            left = self._remaining(deadline, method.path.rpartition("/")[2])
            try:
                return (yield commands.Unary(method, request, left))
            except (Unavailable, ResourceExhausted) as error:
                failures += 1
                yield from self._pause(error, failures, deadline)

    def connect(self, timeout: float | None = None) -> Operation[None]:
        """Wait until the server answers."""
        yield commands.Connect(self.timeout.connect if timeout is None else timeout)

    # Jobs.

    def submit(self, task: jobs_pb2.Task, idempotency_key: str, timeout: float) -> Operation[Job]:
        """Hand in work; when this returns, the server will not forget it."""
        request = jobs_pb2.SubmitRequest(
            task=task,
            # With a key, a submission whose answer was lost can be repeated: it is the same job.
            idempotency_key=idempotency_key or uuid.uuid4().hex,
            timeout_s=timeout,
        )
        reply = yield from self._call(commands.SUBMIT, request, self.deadline(min(timeout, self.timeout.call)))
        return convert.job(reply.job)

    def get(self, job_id: str) -> Operation[Job]:
        """A job's record as it is now."""
        request = jobs_pb2.GetRequest(id=job_id)
        reply = yield from self._call(commands.GET, request, self.deadline(self.timeout.call))
        return convert.job(reply.job)

    def cancel(self, job_id: str, timeout: float | None = None) -> Operation[Job]:
        """Cancel a job; the same answer when asked again."""
        deadline = self.deadline(self.timeout.call if timeout is None else timeout)
        reply = yield from self._call(commands.CANCEL, jobs_pb2.CancelRequest(id=job_id), deadline)
        return convert.job(reply.job)

    def list(self, states: Iterable[JobState], page_size: int) -> Operation[None]:
        """Emit each job, newest first, page by page."""
        token = ""
        wanted = [convert.state_to_wire(state) for state in states]
        while True:
            request = jobs_pb2.ListRequest(page_size=page_size, page_token=token, states=wanted)
            reply = yield from self._call(commands.LIST, request, self.deadline(self.timeout.call))
            for job in reply.jobs:
                yield commands.Emit(convert.job(job))
            token = reply.next_page_token
            if not token:
                return

    def watch(self, job_id: str, after: int, timeout: float | None) -> Operation[Job]:
        """Emit what happens to a job until it ends, and return it. A broken stream goes on where it broke."""
        deadline = self.deadline(self.timeout.job if timeout is None else timeout)
        failures = 0
        while True:
            stream = None
            try:
                request = jobs_pb2.WatchRequest(id=job_id, after_sequence=after)
                left = self._remaining(deadline, f"job {job_id}")
                stream = yield commands.Open(commands.WATCH, request, left)
                while (reply := (yield commands.Read(stream))) is not None:
                    failures = 0
                    event = convert.event(reply.event)
                    if 0 < event.sequence <= after:
                        continue
                    after = max(after, event.sequence)
                    yield commands.Emit(event)
                    if isinstance(event, StateChanged) and event.job.state.ended:
                        return event.job
                broken: LuceError = Unavailable(f"the event stream of job {job_id} ended early")
            except BROKEN as error:
                broken = error
            except DeadlineExceeded as error:
                raise DeadlineExceeded(f"job {job_id} did not end in time") from error
            finally:
                if stream is not None:
                    yield commands.Close(stream)
            failures += 1
            yield from self._pause(broken, failures, deadline)

    def result(self, job_id: str, timeout: float | None) -> Operation[Painting]:
        """Follow a job to its end, emitting its events, and read what it made."""
        job = yield from self.watch(job_id, 0, timeout)
        return (yield from self.painting(job))

    def painting(self, job: Job) -> Operation[Painting]:
        """What a finished job made, with the pictures' bytes."""
        _check_success(job)
        images = []
        for picture in job.pictures:
            data = yield from self.download(picture.blob)
            images.append(
                PaintedImage(
                    blob=picture.blob,
                    prompt=picture.prompt,
                    seed=picture.seed,
                    width=picture.width,
                    height=picture.height,
                    measures=picture.measures,
                    candidate=picture.candidate,
                    time_s=picture.time_s,
                    data=data,
                )
            )
        animation = None if job.film is None else (yield from self._animation(job.film))
        return Painting(images=tuple(images), music=job.music, job=job, animation=animation, report=job.report)

    def _animation(self, film: Film) -> Operation[Animation]:
        data = yield from self.download(film.blob)
        return Animation(
            blob=film.blob,
            duration_s=film.duration_s,
            frames_per_second=film.frames_per_second,
            width=film.width,
            height=film.height,
            sound=film.sound,
            data=data,
        )

    # Painting.

    def submit_paint(
        self, audio: Source | None, prompt: str, timeout: float | None, options: PaintOptions
    ) -> Operation[Job]:
        """Send the audio and hand in the work."""
        budget = self.timeout.job if timeout is None else timeout
        deadline = self.deadline(budget)
        request = paint_request(prompt, options)
        if audio is None and not prompt:
            raise InvalidArgument("audio: a painting needs audio, a prompt, or both", field="audio")
        if audio is not None:
            blob = yield from self.upload(audio, field="audio", timeout=min(budget, self.timeout.upload))
            request.audio.CopyFrom(convert.blob_to_wire(blob))
        left = self._remaining(deadline, "the upload")
        return (yield from self.submit(jobs_pb2.Task(paint=request), options.get("idempotency_key") or "", left))

    def paint(
        self, audio: Source | None, prompt: str, timeout: float | None, options: PaintOptions
    ) -> Operation[Painting]:
        """From music to pictures."""
        deadline = self.deadline(self.timeout.job if timeout is None else timeout)
        job = yield from self.submit_paint(audio, prompt, timeout, options)
        job = yield from self._own(job.id, deadline)
        return (yield from self.painting(job))

    def _own(self, job_id: str, deadline: float) -> Operation[Job]:
        """Follow a job that nobody else knows of: who stops listening cancels it."""
        try:
            return (yield from self.watch(job_id, 0, max(deadline - self.now(), 0.001)))
        except BaseException as error:
            if isinstance(error, DeadlineExceeded) or not isinstance(error, LuceError):
                yield from self._cancel_quietly(job_id)
            raise

    def _cancel_quietly(self, job_id: str) -> Operation[None]:
        try:
            yield commands.Unary(commands.CANCEL, jobs_pb2.CancelRequest(id=job_id), CANCEL_TIMEOUT_S)
        except LuceError:
            # It may have ended meanwhile, or the server is gone; the reason for giving up matters more.
            return

    # Writing music.

    def submit_compose(
        self, text: str, midi: Source | None, variation: float | None, timeout: float | None, options: MusicOptions
    ) -> Operation[Job]:
        """Send the MIDI to start from, where there is one, and hand in what is to be composed."""
        budget = self.timeout.job if timeout is None else timeout
        deadline = self.deadline(budget)
        request = mapping_pb2.ComposeRequest(text=text, options=music_options(options), variation=variation)
        if midi is None and not text:
            raise InvalidArgument("text: a composition needs a text, a MIDI file, or both", field="text")
        if midi is not None:
            blob = yield from self.upload(midi, field="midi", timeout=min(budget, self.timeout.upload))
            request.midi.CopyFrom(convert.blob_to_wire(blob))
        task, left = jobs_pb2.Task(compose=request), self._remaining(deadline, "the upload")
        return (yield from self.submit(task, options.get("idempotency_key") or "", left))

    def submit_score(
        self, media: Source, accents: bool, mux: bool, timeout: float | None, options: MusicOptions
    ) -> Operation[Job]:
        """Send a picture or a video, and hand it in to be scored."""
        budget = self.timeout.job if timeout is None else timeout
        deadline = self.deadline(budget)
        request = mapping_pb2.ScoreRequest(options=music_options(options), accents=accents, mux=mux)
        blob = yield from self.upload(media, field="media", timeout=min(budget, self.timeout.upload))
        request.media.CopyFrom(convert.blob_to_wire(blob))
        task, left = jobs_pb2.Task(score=request), self._remaining(deadline, "the upload")
        return (yield from self.submit(task, options.get("idempotency_key") or "", left))

    def write_music(self, submission: Operation[Job], timeout: float | None) -> Operation[Composition]:
        """Hand in work that writes music, and wait for it."""
        deadline = self.deadline(self.timeout.job if timeout is None else timeout)
        job = yield from submission
        job = yield from self._own(job.id, deadline)
        return (yield from self.composition(job))

    def composed(self, job_id: str, timeout: float | None) -> Operation[Composition]:
        """Follow a job to its end, emitting its events, and read the music that it wrote."""
        job = yield from self.watch(job_id, 0, timeout)
        return (yield from self.composition(job))

    def composition(self, job: Job) -> Operation[Composition]:
        """What a finished job wrote, with the bytes of every file."""
        _check_success(job)
        if job.written is None:
            raise FailedPrecondition(f"job {job.id} is of kind {job.kind}: it wrote no music")
        pieces = []
        for piece in job.written.pieces:
            data = {}
            for part, blob in piece.files.items():
                data[part] = yield from self.download(blob)
            told = {field.name: getattr(piece, field.name) for field in fields(piece)}
            pieces.append(WrittenPiece(**told, data=data))
        written = job.written
        return Composition(
            pieces=tuple(pieces), emotion=written.emotion, chain=written.chain, shots=written.shots, job=job
        )

    # Media and single calls.

    def upload(self, source: Source, *, field: str = "source", timeout: float | None = None) -> Operation[Blob]:
        """Send one file."""
        upload = Upload(source, field=field)
        deadline = self.deadline(self.timeout.upload if timeout is None else timeout)
        failures = 0
        while True:
            left = self._remaining(deadline, "the upload")
            try:
                reply = yield commands.SendStream(commands.UPLOAD, upload, left)
            except (Unavailable, ResourceExhausted) as error:
                failures += 1
                yield from self._pause(error, failures, deadline)
            else:
                return convert.blob(reply.blob)

    def download(self, blob: Blob) -> Operation[bytes]:
        """Read one file and check it against its reference."""
        if blob.size > self.limits.max_download_bytes:
            raise PayloadTooLarge(
                f"blob: {blob.size} bytes are more than max_download_bytes",
                field="blob",
                limit=f"{self.limits.max_download_bytes} bytes",
            )
        deadline = self.deadline(self.timeout.download)
        failures = 0
        while True:
            try:
                data = yield from self._read_blob(blob, self._remaining(deadline, "the download"))
            except BROKEN as error:
                failures += 1
                yield from self._pause(error, failures, deadline)
            else:
                if hashlib.sha256(data).hexdigest() != blob.sha256:
                    raise Internal(f"{blob.filename or blob.key}: what came is not what was announced (sha256)")
                return data

    def _read_blob(self, blob: Blob, timeout: float) -> Operation[bytes]:
        data = bytearray()
        stream = yield commands.Open(commands.DOWNLOAD, media_pb2.DownloadRequest(key=blob.key), timeout)
        try:
            while (reply := (yield commands.Read(stream))) is not None:
                data += reply.chunk
                if len(data) > blob.size:
                    break
        finally:
            yield commands.Close(stream)
        return bytes(data)

    def describe(self, audio: Source, timeout: float | None, brief: bool = False) -> Operation[MusicDescription]:
        """Send the music and have it listened to: as a job, because it may be long."""
        budget = self.timeout.job if timeout is None else timeout
        deadline = self.deadline(budget)
        blob = yield from self.upload(audio, field="audio", timeout=min(budget, self.timeout.upload))
        task = jobs_pb2.Task(describe=agents_pb2.DescribeRequest(audio=convert.blob_to_wire(blob), brief=brief))
        job = yield from self.submit(task, "", self._remaining(deadline, "the upload"))
        job = yield from self._own(job.id, deadline)
        _check_success(job)
        if job.music is None:
            raise Internal(f"job {job.id} succeeded without a description")
        return job.music

    def imagine(
        self,
        music: Source | MusicDescription | None,
        text: str,
        count: int,
        seed: int,
        timeout: float | None,
        options: AgentOptions,
    ) -> Operation[Imagined]:
        """Have music listened to, where it is not described yet, and turned into prompts."""
        deadline = self.deadline(self.timeout.job if timeout is None else timeout)
        # Refused before anything is sent, where it is at fault.
        imagine_request(None, text, count, seed, options)
        heard = None
        if isinstance(music, MusicDescription):
            heard = music
        elif music is not None:
            heard = yield from self.describe(music, deadline - self.now())
        wire = None if heard is None else convert.music_to_wire(heard)
        request = imagine_request(wire, text, count, seed, options)
        return convert.imagined((yield from self._call(commands.IMAGINE, request, deadline)), heard)

    def feel(self, media: Source | None, text: str | None, timeout: float | None) -> Operation[Feeling]:
        """Send a medium or words and ask how they feel."""
        if (media is None) == (text is None):
            raise InvalidArgument("give one of media and text", field="media", limit="one of them")
        budget = self.timeout.job if timeout is None else timeout
        deadline = self.deadline(budget)
        request = mapping_pb2.FeelRequest()
        if media is not None:
            blob = yield from self.upload(media, field="media", timeout=min(budget, self.timeout.upload))
            request.media.CopyFrom(convert.blob_to_wire(blob))
        else:
            request.text = text or ""
        return convert.feeling((yield from self._call(commands.FEEL, request, deadline)))

    def align(self, image: Source, audio: Source, timeout: float | None) -> Operation[Alignment]:
        """Send an image and a piece of music and ask how well they fit."""
        budget = self.timeout.job if timeout is None else timeout
        deadline = self.deadline(budget)
        seen = yield from self.upload(image, field="image", timeout=min(budget, self.timeout.upload))
        left = deadline - self.now()
        heard = yield from self.upload(audio, field="audio", timeout=min(left, self.timeout.upload))
        request = mapping_pb2.AlignRequest(image=convert.blob_to_wire(seen), audio=convert.blob_to_wire(heard))
        return convert.alignment((yield from self._call(commands.ALIGN, request, deadline)))

    def embed(self, texts: Sequence[str], media: Sequence[Source], timeout: float | None) -> Operation[Embeddings]:
        """Texts and media into vectors."""
        request = embed_request(texts)
        if not media:
            budget = self.timeout.call if timeout is None else timeout
            return convert.embeddings((yield from self._call(commands.EMBED, request, self.deadline(budget))))
        deadline = self.deadline(self.timeout.job if timeout is None else timeout)
        for place, source in enumerate(media):
            left = min(deadline - self.now(), self.timeout.upload)
            blob = yield from self.upload(source, field=f"media[{place}]", timeout=left)
            request.media.append(convert.blob_to_wire(blob))
        return convert.embeddings((yield from self._call(commands.EMBED, request, deadline)))


def _check_success(job: Job) -> None:
    """Raise what a job failed with, or what else it has no result for."""
    if job.error is not None:
        raise job.error
    if job.state is JobState.CANCELLED:
        raise Cancelled(f"job {job.id} was cancelled")
    if job.state is not JobState.SUCCEEDED:
        raise FailedPrecondition(f"job {job.id} is {job.state.value}: it has no result yet")
