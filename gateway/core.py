"""What the gateway does, whichever door the request came through."""

from __future__ import annotations

import asyncio
import contextlib
import math
import mimetypes
from collections.abc import Iterator, Sequence

from gateway import admission
from gateway.settings import GatewaySettings
from gateway.stopwatch import Stopwatch
from gateway.uploads import Upload, UploadBudget, safe_filename
from luce.errors import (
    InvalidArgument,
    MalformedMedia,
    PayloadTooLarge,
    ResourceExhausted,
    Unavailable,
    UnsupportedMediaType,
)
from luce.server.bus import ObjectStore
from luce.server.deadline import Deadline
from luce.server.host import NatsRpc
from luce.server.inference import Embedded, TextEmbedder
from luce.server.jobs import Jobs
from luce.server.media import AudioProbe, MediaDecoder, sniff
from luce.v1 import agents_pb2, jobs_pb2, mapping_pb2, media_pb2

AGENTS_SERVICE = "luce.v1.AgentsService"
MAPPING_SERVICE = "luce.v1.MappingService"
MIDI = "audio/midi"
"""Media type of MIDI files (none is registered; this is the usual one)."""

AMBIGUOUS, VIDEO = "audio/mp4", "video/mp4"
"""What most mp4 files are by their first bytes, and what they are where they hold moving pictures."""

# Those of `luce.server.music.midi`, which is not imported here: its numerical libraries weigh 65 MiB.
MIDI_MAGIC = b"MThd"
MAX_MIDI_BYTES = 4 * 1024 * 1024


class Gateway:
    """The one core behind both doors.

    Args:
        settings: Limits.
        jobs: The job queue; started and closed by whoever made it.
        objects: The object store.
        decoder: Looks at uploads before they are accepted.
        embedder: Text into vectors.
        rpc: Calls to the services.
        max_job_s: Longest time that a job may be given, seconds.
    """

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        jobs: Jobs,
        objects: ObjectStore,
        decoder: MediaDecoder,
        embedder: TextEmbedder,
        rpc: NatsRpc,
        max_job_s: float,
    ) -> None:
        self.settings = settings
        self.jobs = jobs
        self.objects = objects
        self.draining = asyncio.Event()
        self._decoder = decoder
        self._embedder = embedder
        self._rpc = rpc
        self._max_job_s = max_job_s
        self._budget = UploadBudget(settings.upload_memory_bytes)
        self._streams: set[asyncio.Event] = set()

    def upload(self, field: str, filename: str = "", *, accepts: str | tuple[str, ...] = "audio/") -> Upload:
        """A place for the bytes of one file; use it as a context manager."""
        limits = self._decoder.settings
        most_of = {
            "audio/": limits.max_audio_bytes,
            "image/": limits.max_image_bytes,
            "video/": limits.max_video_bytes,
        }
        kinds = ((accepts,) if isinstance(accepts, str) else accepts) if accepts else tuple(most_of)
        return Upload(
            self._budget,
            field=field,
            max_bytes=max(most_of[kind] for kind in kinds),
            # Where no sound is taken, an mp4 file is a video.
            sniff=media_type_of if "audio/" in kinds else visual_type_of,
            accepts=accepts,
            filename=filename,
        )

    async def store(self, upload: Upload, owner: str, watch: Stopwatch) -> media_pb2.BlobRef:
        """Looks at a file that has arrived, and stores it where it is sound.

        Raises:
            MalformedMedia, UnsupportedMediaType, PayloadTooLarge, InvalidArgument: What is wrong with the file.
            Unavailable: The object store is down.
        """
        data = upload.finish()
        with watch.stage("probe"):
            if upload.takes_anything and upload.media_type == AMBIGUOUS and await self._is_video(data, upload.field):
                upload.media_type = VIDEO
            if upload.media_type == MIDI:
                upload.duration_s = _look_at_midi(data, upload.field)
            elif upload.media_type.startswith("video/"):
                described = await self._decoder.probe_video(data, field=upload.field)
                upload.duration_s = math.inf if described.duration_s is None else described.duration_s
            elif upload.media_type.startswith("audio/"):
                upload.duration_s = _seconds(await self._decoder.probe(data, field=upload.field))
            else:
                await self._decoder.image(data, field=upload.field)
        fallback = upload.field + (mimetypes.guess_extension(upload.media_type) or "")
        with watch.stage("store"):
            return await self.objects.put(
                data,
                media_type=upload.media_type,
                filename=safe_filename(upload.filename, fallback),
                owner=owner,
                max_bytes=len(data),
            )

    async def submit(
        self, task: jobs_pb2.Task, owner: str, watch: Stopwatch, *, idempotency_key: str = "", timeout_s: float = 0
    ) -> tuple[jobs_pb2.Job, bool]:
        """Checks a task and queues it; when this returns, it is durable.

        Returns:
            The job, and whether this call created it (False: the idempotency key brought an earlier one back).

        Raises:
            InvalidArgument, NotFound: The request is at fault.
            ResourceExhausted: The queue is full; come back after `retry_after` seconds.
            Unavailable: NATS is down.
        """
        admission.check_idempotency_key(idempotency_key)
        admission.check_timeout("timeout_s", timeout_s, self._max_job_s)
        match task.WhichOneof("kind"):
            case "paint":
                admission.check_paint(task.paint, self.settings.max_paint_cost)
                if task.paint.HasField("audio"):
                    task.paint.audio.CopyFrom(await self.own_audio(task.paint.audio.key, owner, "audio"))
            case "describe":
                task.describe.audio.CopyFrom(await self.own_audio(task.describe.audio.key, owner, "audio"))
            case "compose":
                admission.check_compose(task.compose, self.settings.max_music_cost)
                if task.compose.HasField("midi"):
                    task.compose.midi.CopyFrom(await self.own_midi(task.compose.midi.key, owner, "midi"))
            case "score":
                task.score.media.CopyFrom(await self.own_media(task.score.media.key, owner, "media"))
                admission.check_score(
                    task.score,
                    task.score.media.media_type,
                    self._decoder.settings.max_video_seconds,
                    self.settings.max_music_cost,
                )
            case _:
                limit = "paint, describe, score or compose"
                raise InvalidArgument("the task has no kind that is known here", field="task", limit=limit)
        with watch.stage("enqueue"):
            return await self.jobs.submit(task, owner=owner, idempotency_key=idempotency_key, timeout_s=timeout_s)

    async def wait(self, job_id: str, owner: str, seconds: float) -> jobs_pb2.Job:
        """The job when it ends, or as it is after so many seconds, or when the gateway goes away."""
        ended = asyncio.ensure_future(self.jobs.wait(job_id, owner, seconds))
        leaving = asyncio.ensure_future(self.draining.wait())
        try:
            await asyncio.wait((ended, leaving), return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else await self.jobs.get(job_id, owner)
        finally:
            ended.cancel()
            leaving.cancel()

    async def own_audio(self, key: str, owner: str, field: str) -> media_pb2.BlobRef:
        """The stored reference of a caller's audio or MIDI: what the caller says of size or type is not believed.

        Raises:
            NotFound: No such upload of this owner.
            InvalidArgument: It is neither, or the key is empty.
        """
        ref = await self.own_media(key, owner, field)
        # The sound of a video that came as an mp4 file is heard as well.
        if not ref.media_type.startswith("audio/") and ref.media_type != VIDEO:
            raise InvalidArgument(f"{field} is {ref.media_type}, not audio", field=field, limit="audio")
        return ref

    async def own_midi(self, key: str, owner: str, field: str) -> media_pb2.BlobRef:
        """The stored reference of a caller's MIDI file. Raises as `own_audio`."""
        ref = await self.own_media(key, owner, field)
        if ref.media_type != MIDI:
            raise InvalidArgument(f"{field} is {ref.media_type}, not MIDI", field=field, limit="a MIDI file")
        return ref

    async def own_media(self, key: str, owner: str, field: str) -> media_pb2.BlobRef:
        """The stored reference of a caller's upload. Raises `NotFound`, or `InvalidArgument` where the key is empty."""
        if not key:
            raise InvalidArgument(f"{field} has no key", field=field)
        return await self.objects.info(key, owner)

    async def _is_video(self, data: bytes, field: str) -> bool:
        """Whether an mp4 file holds moving pictures; what is wrong with it otherwise is told by whoever looks next."""
        try:
            await self._decoder.probe_video(data, field=field)
        except (MalformedMedia, UnsupportedMediaType):
            return False
        return True

    async def embed(self, field: str, texts: Sequence[str], watch: Stopwatch) -> Embedded:
        """Texts into vectors.

        Args:
            field: The request's name for the texts, for messages.
            texts: 1..64 of them.
            watch: Learns how long it took.

        Raises:
            InvalidArgument: Too few or too many texts, or one that is empty or too long.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the inference client.
        """
        admission.check_texts(field, texts)
        deadline = Deadline.current_or_after(self.settings.request_timeout_s)
        with watch.stage("embed"):
            return await self._embedder.embed(texts, deadline=deadline.remaining())

    async def embed_media(
        self, field: str, request: mapping_pb2.EmbedRequest, owner: str, watch: Stopwatch
    ) -> mapping_pb2.EmbedResponse:
        """Uploads of the caller's, and texts beside them, into vectors of one space.

        Texts alone go to the text encoder from here (`embed`): a hop to the service would double their latency.

        Args:
            field: The request's name for the texts, for messages.
            request: Texts, 0..64, and media, 1..16, by their keys.
            owner: The caller.
            watch: Learns how long it took.

        Raises:
            InvalidArgument, NotFound, UnsupportedMediaType: The request is at fault.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the service.
        """
        if request.texts:
            admission.check_texts(field, request.texts)
        admission.check_number("media", len(request.media), admission.EMBEDDED_MEDIA)
        media = [await self.own_media(blob.key, owner, f"media[{place}]") for place, blob in enumerate(request.media)]
        relayed = mapping_pb2.EmbedRequest(texts=request.texts, media=media)
        deadline = Deadline.current_or_after(self.settings.request_timeout_s)
        with watch.stage("embed"):
            return await self._rpc.call(MAPPING_SERVICE, "Embed", relayed, mapping_pb2.EmbedResponse, deadline)

    async def duration_of(self, audio: media_pb2.BlobRef, watch: Stopwatch) -> float:
        """Seconds of a stored piece of music; infinite where its container does not tell, 0 for MIDI: little work.

        Raises:
            NotFound, ResourceExhausted, Unavailable: It cannot be read at the moment, or no longer.
        """
        if audio.media_type == MIDI:
            return 0.0
        with self._budget.reserved(audio.size), watch.stage("probe"):
            return _seconds(await self._decoder.probe(await self.objects.get(audio.key)))

    async def describe(self, request: agents_pb2.DescribeRequest, owner: str) -> agents_pb2.DescribeResponse:
        """Has the agents listen to an upload of the caller's."""
        audio = await self.own_audio(request.audio.key, owner, "audio")
        relayed = agents_pb2.DescribeRequest(audio=audio, brief=request.brief)
        deadline = Deadline.current_or_after(self.settings.request_timeout_s)
        return await self._rpc.call(AGENTS_SERVICE, "Describe", relayed, agents_pb2.DescribeResponse, deadline)

    async def feel(self, request: mapping_pb2.FeelRequest, owner: str) -> mapping_pb2.FeelResponse:
        """The emotion of words, of an image, or of music.

        Raises:
            InvalidArgument: There is no medium, or its text is out of range or without words.
            NotFound: No such upload of this owner.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the service.
        """
        if request.WhichOneof("input") == "text":
            admission.check_texts("text", [request.text])
            admission.check_text("text", request.text, admission.TEXT_CHARACTERS[1])
            relayed = mapping_pb2.FeelRequest(text=request.text)
        elif not request.media.key:
            limit = "an image, audio, MIDI or text"
            raise InvalidArgument("there is nothing to feel: give media or text", field="media", limit=limit)
        else:
            media = await self.own_media(request.media.key, owner, "media")
            if not media.media_type.startswith("image/"):
                return await self._feel_music(media, owner)
            relayed = mapping_pb2.FeelRequest(media=media)
        deadline = Deadline.current_or_after(self.settings.request_timeout_s)
        return await self._rpc.call(MAPPING_SERVICE, "Feel", relayed, mapping_pb2.FeelResponse, deadline)

    async def _feel_music(self, music: media_pb2.BlobRef, owner: str) -> mapping_pb2.FeelResponse:
        """Straight from the agents, who hear it."""
        described = (await self.describe(agents_pb2.DescribeRequest(audio=music, brief=True), owner)).description
        points = described.curve.points
        return mapping_pb2.FeelResponse(
            emotion=described.emotion,
            curve=described.curve,
            medium="midi" if music.media_type == MIDI else "audio",
            valence_uncertainty=sum(point.valence_uncertainty for point in points) / max(1, len(points)),
            arousal_uncertainty=sum(point.arousal_uncertainty for point in points) / max(1, len(points)),
        )

    async def align(self, request: mapping_pb2.AlignRequest, owner: str) -> mapping_pb2.AlignResponse:
        """How well an image and a piece of music of the caller's fit.

        Raises:
            InvalidArgument: One of them is missing, or is something else.
            NotFound: No such upload of this owner.
            ResourceExhausted, Unavailable, DeadlineExceeded: From the service.
        """
        image = await self.own_media(request.image.key, owner, "image")
        if not image.media_type.startswith("image/"):
            raise InvalidArgument(f"image is {image.media_type}, not an image", field="image", limit="an image")
        audio = await self.own_audio(request.audio.key, owner, "audio")
        relayed = mapping_pb2.AlignRequest(image=image, audio=audio)
        deadline = Deadline.current_or_after(self.settings.request_timeout_s)
        return await self._rpc.call(MAPPING_SERVICE, "Align", relayed, mapping_pb2.AlignResponse, deadline)

    async def imagine(self, request: agents_pb2.ImagineRequest) -> agents_pb2.ImagineResponse:
        """Has the agents turn a description into prompts."""
        admission.check_text("text", request.text, admission.PROMPT_CHARACTERS)
        if request.count:
            admission.check_number("count", request.count, admission.PICTURES)
        admission.check_agents(request.agents)
        deadline = Deadline.current_or_after(self.settings.request_timeout_s)
        return await self._rpc.call(AGENTS_SERVICE, "Imagine", request, agents_pb2.ImagineResponse, deadline)

    @contextlib.contextmanager
    def event_stream(self) -> Iterator[asyncio.Event]:
        """A place among the event streams; the event tells that the stream should end, also because of the drain.

        Raises:
            ResourceExhausted: As many are open as may be.
            Unavailable: The gateway is going away.
        """
        if self.draining.is_set():
            raise Unavailable("this gateway is going away", retry_after=1.0)
        most = self.settings.max_event_streams
        if len(self._streams) >= most:
            raise ResourceExhausted("too many event streams are open", limit=f"{most} streams", retry_after=5.0)
        stop = asyncio.Event()
        self._streams.add(stop)
        try:
            yield stop
        finally:
            self._streams.discard(stop)

    def drain(self) -> None:
        """Ends the event streams, whose readers resume elsewhere by `Last-Event-ID`, and takes no new ones."""
        self.draining.set()
        for stop in self._streams:
            stop.set()


def media_type_of(head: bytes) -> str | None:
    """The media type told by the first bytes of a file, MIDI included; None where it is nothing that is read."""
    return MIDI if head.startswith(MIDI_MAGIC) else sniff(head)


def visual_type_of(head: bytes) -> str | None:
    """The media type told by the first bytes of a file that is to be seen: any mp4 file is a video."""
    found = media_type_of(head)
    return VIDEO if found == AMBIGUOUS else found


def _seconds(probe: AudioProbe) -> float:
    return math.inf if probe.duration_s is None else probe.duration_s


def _look_at_midi(data: bytes, field: str) -> float:
    """Refuses what is too large to read; the rest is found out by who reads it. Its length does not matter: 0."""
    if len(data) > MAX_MIDI_BYTES:
        limit = f"{MAX_MIDI_BYTES} bytes"
        raise PayloadTooLarge(f"{field} is a MIDI file of {len(data)} bytes", field=field, limit=limit)
    return 0.0
