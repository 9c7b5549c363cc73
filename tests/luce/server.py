"""A small gRPC server that keeps the contract, so that the SDK can be tried against real calls and real faults."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc

from luce.errors import InvalidArgument, LuceError, MalformedMedia, NotFound
from luce.server.errors import to_grpc_status, to_problem
from luce.v1 import (
    agents_pb2,
    agents_pb2_grpc,
    emotion_pb2,
    jobs_pb2,
    jobs_pb2_grpc,
    mapping_pb2,
    mapping_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
)

PICTURE = b"\x89PNG a picture" * 50_000
MUSIC = agents_pb2.MusicDescription(
    duration_s=12.5,
    tempo_bpm=128,
    key="C major",
    loudness_lufs=-14,
    emotion=emotion_pb2.Emotion(valence=0.75, arousal=0.5),
    curve=emotion_pb2.EmotionCurve(
        points=[emotion_pb2.EmotionPoint(duration_s=5, valence_uncertainty=0.25, arousal_uncertainty=0.125)]
    ),
    summary="Bright and fast.",
    time_signature="4/4",
    time_signature_confidence=0.75,
    beat_times=[0.5, 1.0],
    tempo_alternatives=[64],
    key_alternatives=["A minor"],
    descriptors=[
        agents_pb2.Descriptor(dimension=agents_pb2.DESCRIPTOR_DIMENSION_STYLE),
        agents_pb2.Descriptor(
            dimension=agents_pb2.DESCRIPTOR_DIMENSION_MOOD,
            values=["joyful", "playful"],
            confidence=0.5,
            source=agents_pb2.DESCRIPTOR_SOURCE_MODEL,
            text_short="Joyful.",
            text_source=agents_pb2.DESCRIPTOR_SOURCE_MODEL,
        ),
    ],
    caption="A joyful piece for a piano.",
    caption_source=agents_pb2.DESCRIPTOR_SOURCE_MODEL,
    parts=[
        agents_pb2.MusicPart(start_s=0, duration_s=10, caption="A piano plays."),
        agents_pb2.MusicPart(start_s=2.5, duration_s=10),
    ],
    tags=[
        agents_pb2.MusicTag(dimension="instruments", name="piano", confidence=0.75),
        agents_pb2.MusicTag(dimension="sound", name="music", confidence=0.5),
    ],
)
MOVIE = b"ftyp a movie" * 1000
MEASURES = agents_pb2.PictureMeasures(
    image_emotion=emotion_pb2.Emotion(valence=0.5, arousal=0.25),
    va_similarity=0.875,
    va_cosine=1.0,
    text_similarity=0.25,
    brightness=0.5,
    warmth=-0.125,
    saturation=0.75,
)
PROMPT = agents_pb2.Prompt(
    text="a sunlit meadow",
    negative_text="night",
    attributes=agents_pb2.VisualAttributes(scene="meadow", palette="warm"),
    emotion=emotion_pb2.Emotion(valence=0.5, arousal=-0.5),
    vocabulary={"scene": "field", "palette": "amber"},
)
REPORT = agents_pb2.AgentReport(
    notes=[
        agents_pb2.AgentNote(
            author=agents_pb2.AGENT_ROLE_COLOUR,
            mind=agents_pb2.AGENT_MIND_LLM,
            round=1,
            prompt=1,
            topic="palette",
            words="warm",
            evidence=["it is bright"],
        )
    ],
    findings=[
        agents_pb2.AgentFinding(
            kind=agents_pb2.FINDING_KIND_EMOTION_MISMATCH,
            severity=agents_pb2.FINDING_SEVERITY_ERROR,
            attribute="mood",
            prompt=1,
            message="too sad",
            suggestion="happy",
            outcome=agents_pb2.FINDING_OUTCOME_REPAIRED,
        )
    ],
)


CHAIN = mapping_pb2.ChainStep(
    stage="read",
    text="Snow lies on a harbour.",
    elements=[mapping_pb2.Element(name="emotion", values=["calm", "lonely"], reason="valence -0.25")],
)
PIECE = mapping_pb2.Piece(
    duration_s=12.5,
    asked=emotion_pb2.Emotion(valence=-0.25, arousal=-0.5),
    obtained=emotion_pb2.Emotion(valence=-0.125, arousal=-0.5),
    obtained_curve=MUSIC.curve,
    key="A minor",
    time_signature="3/4",
    tempo_bpm=72,
    instruments=["piano", "cello"],
    candidate=2,
    candidates=4,
    loudness_lufs=-14,
    notes=99,
)


@dataclass
class Faults:
    """What goes wrong next, by method name: an error of ours, or a plain gRPC status."""

    queued: dict[str, deque[LuceError | grpc.StatusCode]] = field(default_factory=lambda: defaultdict(deque))

    def add(self, method: str, *faults: LuceError | grpc.StatusCode) -> None:
        self.queued[method].extend(faults)

    def strike(self, method: str, context: grpc.ServicerContext) -> None:
        if not self.queued[method]:
            return
        fault = self.queued[method].popleft()
        if isinstance(fault, grpc.StatusCode):
            context.abort(fault, f"plain {fault.name}")
        abort(context, fault)


def abort(context: grpc.ServicerContext, error: LuceError) -> None:
    code, message, metadata = to_grpc_status(error)
    context.set_trailing_metadata(metadata)
    context.abort(code, message)


class SmallServer(
    jobs_pb2_grpc.JobsServiceServicer,
    media_pb2_grpc.MediaServiceServicer,
    agents_pb2_grpc.AgentsServiceServicer,
    mapping_pb2_grpc.MappingServiceServicer,
):
    """Keeps jobs in memory. A paint job ends at once, unless its prompt is "slow" (never) or "fail"."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.metadata: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}
        self.imagined: list[agents_pb2.ImagineRequest] = []
        self.jobs: dict[str, jobs_pb2.Job] = {}
        self.tasks: dict[str, jobs_pb2.SubmitRequest] = {}
        self.by_key: dict[str, str] = {}
        self.events: dict[str, list[jobs_pb2.JobEvent]] = defaultdict(list)
        self.changed = threading.Condition()
        self.break_stream_after: int | None = None
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        jobs_pb2_grpc.add_JobsServiceServicer_to_server(self, self._server)
        media_pb2_grpc.add_MediaServiceServicer_to_server(self, self._server)
        agents_pb2_grpc.add_AgentsServiceServicer_to_server(self, self._server)
        mapping_pb2_grpc.add_MappingServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=0).wait(10)

    def _begin(self, method: str, context: grpc.ServicerContext) -> None:
        with self.changed:
            self.calls[method] += 1
            self.changed.notify_all()
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        self.faults.strike(method, context)

    def store(self, data: bytes, media_type: str = "image/png") -> media_pb2.BlobRef:
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest[:16]] = data
        return media_pb2.BlobRef(
            key=digest[:16], size=len(data), sha256=digest, media_type=media_type, filename="picture.png"
        )

    def tell(self, job_id: str, **event: Any) -> None:
        with self.changed:
            told = jobs_pb2.JobEvent(sequence=len(self.events[job_id]) + 1, job_id=job_id, **event)
            if told.HasField("state"):
                self.jobs[job_id].CopyFrom(told.state)
            self.events[job_id].append(told)
            self.changed.notify_all()

    def change(self, job_id: str, state: jobs_pb2.JobState.ValueType, **fields: Any) -> None:
        job = jobs_pb2.Job()
        job.CopyFrom(self.jobs[job_id])
        job.MergeFrom(jobs_pb2.Job(state=state, **fields))
        self.tell(job_id, state=job)

    def Submit(self, request: jobs_pb2.SubmitRequest, context: Any) -> jobs_pb2.SubmitResponse:
        self._begin("Submit", context)
        with self.changed:
            job_id = self.by_key.get(request.idempotency_key)
            if job_id is None:
                job_id = f"job-{len(self.jobs)}"
                self.by_key[request.idempotency_key] = job_id
                self.tasks[job_id] = request
                work = getattr(request.task, str(request.task.WhichOneof("kind")))
                seed = 0 if request.task.HasField("describe") else work.options.seed
                self.jobs[job_id] = jobs_pb2.Job(
                    id=job_id,
                    kind=str(request.task.WhichOneof("kind")),
                    state=jobs_pb2.JOB_STATE_QUEUED,
                    seed=seed,
                    eta_s=-1,
                )
                if request.task.HasField("describe"):
                    self._describe(job_id, request.task.describe)
                elif not request.task.HasField("paint"):
                    self._write(job_id, request.task)
                else:
                    self._work(job_id, request.task.paint)
        # An answer that is lost after the work was accepted.
        self.faults.strike("Submitted", context)
        return jobs_pb2.SubmitResponse(job=self.jobs[job_id])

    def _describe(self, job_id: str, describe: agents_pb2.DescribeRequest) -> None:
        """Like painting, by the file's name: "slow" never ends, "bad" fails."""
        self.change(job_id, jobs_pb2.JOB_STATE_RUNNING, attempts=1)
        name = describe.audio.filename
        if name.startswith("slow"):
            return
        if name.startswith("bad"):
            self.change(
                job_id, jobs_pb2.JOB_STATE_FAILED, problem=to_problem(MalformedMedia("cut short", field="audio"))
            )
            return
        self.tell(job_id, partial=jobs_pb2.JobEvent.Partial(music=MUSIC))
        result = jobs_pb2.Job.Result(describe=agents_pb2.DescribeResult(music=MUSIC))
        self.change(job_id, jobs_pb2.JOB_STATE_SUCCEEDED, result=result)

    def _write(self, job_id: str, task: jobs_pb2.Task) -> None:
        """Music: of a text "slow" never ends, "fail" fails."""
        self.change(job_id, jobs_pb2.JOB_STATE_RUNNING, attempts=1)
        if task.compose.text == "slow":
            return
        if task.compose.text == "fail":
            problem = to_problem(InvalidArgument("key is no key", field="key", limit="C major"))
            self.change(job_id, jobs_pb2.JOB_STATE_FAILED, problem=problem)
            return
        options = task.compose.options if task.HasField("compose") else task.score.options
        self.tell(job_id, partial=jobs_pb2.JobEvent.Partial(chain=CHAIN))
        if options.stream:
            chunk = mapping_pb2.AudioChunk(duration_s=1.5, audio=self.store(b"chunk", "audio/wav"), last=True)
            self.tell(job_id, partial=jobs_pb2.JobEvent.Partial(audio=chunk))
        pieces = []
        for index in range(options.n or 1):
            piece = mapping_pb2.Piece()
            piece.CopyFrom(PIECE)
            piece.seed = options.seed + index
            piece.midi.CopyFrom(self.store(b"MThd" + bytes([index]), "audio/midi"))
            piece.audio.CopyFrom(self.store(b"RIFF" + bytes([index]), "audio/wav"))
            piece.piano_roll.CopyFrom(self.store(b"PNG" + bytes([index])))
            if task.score.mux:
                piece.video.CopyFrom(self.store(MOVIE, "video/mp4"))
            self.tell(job_id, partial=jobs_pb2.JobEvent.Partial(piece=piece))
            pieces.append(piece)
        if task.HasField("compose"):
            written = mapping_pb2.ComposeResult(pieces=pieces, emotion=MUSIC.emotion, chain=[CHAIN])
            result = jobs_pb2.Job.Result(compose=written)
        else:
            shots = [mapping_pb2.Shot(start_s=1, duration_s=2.5, emotion=MUSIC.emotion)]
            scored = mapping_pb2.ScoreResult(pieces=pieces, emotion=MUSIC.emotion, chain=[CHAIN], shots=shots)
            result = jobs_pb2.Job.Result(score=scored)
        timings = [jobs_pb2.StageTiming(stage="compose", seconds=0.5)]
        self.change(job_id, jobs_pb2.JOB_STATE_SUCCEEDED, result=result, timings=timings)

    def _work(self, job_id: str, paint: agents_pb2.PaintRequest) -> None:
        self.change(job_id, jobs_pb2.JOB_STATE_RUNNING, attempts=1)
        if paint.prompt == "slow":
            return
        if paint.prompt == "fail":
            error = InvalidArgument("steps must be 1..100", field="steps", limit="1..100")
            problem = jobs_pb2.Job().problem
            problem.code, problem.message, problem.field, problem.limit = error.code, error.message, "steps", "1..100"
            self.change(job_id, jobs_pb2.JOB_STATE_FAILED, problem=problem)
            return
        self.tell(job_id, partial=jobs_pb2.JobEvent.Partial(music=MUSIC))
        self.tell(job_id, partial=jobs_pb2.JobEvent.Partial(prompt=PROMPT))
        self.tell(job_id, progress=jobs_pb2.JobEvent.Progress(stage="paint", fraction=0.5, eta_s=-1))
        preview = jobs_pb2.JobEvent.Preview(index=0, step=1, steps=2, image=self.store(b"preview"))
        self.tell(job_id, preview=preview)
        images = [
            agents_pb2.PaintedImage(
                image=self.store(PICTURE + bytes([index])),
                prompt=PROMPT,
                seed=paint.options.seed + index,
                width=256,
                height=256,
                measures=MEASURES,
                candidate=max(paint.options.best_of, 1) - 1,
                time_s=6.25 * index if paint.options.frames else 0,
            )
            for index in range(paint.options.frames or paint.options.n or 1)
        ]
        result = jobs_pb2.Job.Result(paint=agents_pb2.PaintResult(images=images, music=MUSIC))
        if paint.explain:
            result.paint.report.CopyFrom(REPORT)
        if paint.options.frames:
            kind = {"gif": "image/gif"}.get(paint.options.animation_format, "video/mp4")
            film = agents_pb2.Animation(duration_s=12.5, frames_per_second=24, width=256, height=256, sound=True)
            film.file.CopyFrom(self.store(MOVIE, kind))
            result.paint.animation.CopyFrom(film)
        timings = [jobs_pb2.StageTiming(stage=stage, seconds=0.5) for stage in ("queue", "paint", "paint")]
        self.change(
            job_id, jobs_pb2.JOB_STATE_SUCCEEDED, result=result, timings=timings, models={"image_generator": "1"}
        )

    def _known(self, job_id: str, context: Any) -> jobs_pb2.Job:
        if job_id not in self.jobs:
            abort(context, NotFound(f"no job {job_id}"))
        return self.jobs[job_id]

    def Get(self, request: jobs_pb2.GetRequest, context: Any) -> jobs_pb2.GetResponse:
        self._begin("Get", context)
        return jobs_pb2.GetResponse(job=self._known(request.id, context))

    def List(self, request: jobs_pb2.ListRequest, context: Any) -> jobs_pb2.ListResponse:
        self._begin("List", context)
        jobs = [job for job in reversed(self.jobs.values()) if not request.states or job.state in request.states]
        start = int(request.page_token or 0)
        page = jobs[start : start + request.page_size]
        end = start + len(page)
        return jobs_pb2.ListResponse(jobs=page, next_page_token=str(end) if end < len(jobs) else "")

    def Cancel(self, request: jobs_pb2.CancelRequest, context: Any) -> jobs_pb2.CancelResponse:
        self._begin("Cancel", context)
        self._known(request.id, context)
        self.change(request.id, jobs_pb2.JOB_STATE_CANCELLED)
        return jobs_pb2.CancelResponse(job=self.jobs[request.id])

    def Watch(self, request: jobs_pb2.WatchRequest, context: Any) -> Iterator[jobs_pb2.WatchResponse]:
        self._begin("Watch", context)
        self._known(request.id, context)
        place = request.after_sequence
        sent = 0
        while context.is_active():
            with self.changed:
                if len(self.events[request.id]) <= place:
                    self.changed.wait(timeout=0.2)
                news = self.events[request.id][place:]
            for event in news:
                if self.break_stream_after is not None and sent >= self.break_stream_after:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
                yield jobs_pb2.WatchResponse(event=event)
                sent += 1
            place += len(news)
            if self.jobs[request.id].state >= jobs_pb2.JOB_STATE_SUCCEEDED and place == len(self.events[request.id]):
                return

    def Upload(self, requests: Iterator[media_pb2.UploadRequest], context: Any) -> media_pb2.UploadResponse:
        self._begin("Upload", context)
        header = next(requests).header
        blob = self.store(b"".join(message.chunk for message in requests), "audio/wav")
        blob.filename = header.filename
        return media_pb2.UploadResponse(blob=blob)

    def Download(self, request: media_pb2.DownloadRequest, context: Any) -> Iterator[media_pb2.DownloadResponse]:
        self._begin("Download", context)
        data = self.blobs[request.key]
        for start in range(0, len(data), 256 * 1024):
            yield media_pb2.DownloadResponse(chunk=data[start : start + 256 * 1024])

    def Describe(self, request: agents_pb2.DescribeRequest, context: Any) -> agents_pb2.DescribeResponse:
        self._begin("Describe", context)
        return agents_pb2.DescribeResponse(description=MUSIC)

    def Imagine(self, request: agents_pb2.ImagineRequest, context: Any) -> agents_pb2.ImagineResponse:
        self._begin("Imagine", context)
        self.imagined.append(request)
        return agents_pb2.ImagineResponse(prompts=[PROMPT] * request.count, report=REPORT if request.explain else None)

    def Embed(self, request: mapping_pb2.EmbedRequest, context: Any) -> mapping_pb2.EmbedResponse:
        self._begin("Embed", context)
        embeddings = [mapping_pb2.Embedding(values=[1.0, 0.0], medium="text") for _ in request.texts]
        embeddings += [mapping_pb2.Embedding(values=[0.0, 1.0], medium="image") for _ in request.media]
        return mapping_pb2.EmbedResponse(embeddings=embeddings, model="text_encoder:1", tokens=3)

    def Feel(self, request: mapping_pb2.FeelRequest, context: Any) -> mapping_pb2.FeelResponse:
        self._begin("Feel", context)
        if request.media.filename.startswith("bad"):
            abort(context, MalformedMedia("cut short", field="media"))
        if request.WhichOneof("input") == "text":
            if not request.text.strip():
                abort(context, InvalidArgument("text holds no words", field="text", limit="at least one word"))
            return mapping_pb2.FeelResponse(
                emotion=MUSIC.emotion, medium="text", valence_uncertainty=0.5, notes=["The words do not look English."]
            )
        return mapping_pb2.FeelResponse(
            emotion=MUSIC.emotion,
            curve=MUSIC.curve,
            medium="audio",
            valence_uncertainty=0.25,
            arousal_uncertainty=0.125,
        )

    def Align(self, request: mapping_pb2.AlignRequest, context: Any) -> mapping_pb2.AlignResponse:
        self._begin("Align", context)
        return mapping_pb2.AlignResponse(
            emotion=0.75,
            semantic=0.5 if request.audio.filename.endswith("ogg") else None,
            overall=0.625,
            image_emotion=MUSIC.emotion,
            music_emotion=MUSIC.emotion,
            reasons=[mapping_pb2.AlignReason(axis="valence", fit=0.25, text="In valence they pull apart.")],
            seen=["seashore"],
            heard=["piano"],
        )
