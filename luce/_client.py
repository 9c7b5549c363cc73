"""The two clients. Each method names an operation of the core and lets its transport carry it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar, Unpack

from luce._async import AsyncTransport
from luce._channels import Target, default_server
from luce._config import DEFAULT_LIMITS, DEFAULT_RETRY, DEFAULT_TIMEOUT, Limits, Retry, Timeout
from luce._core import Core
from luce._events import JobEvent
from luce._handles import AsyncJobHandle, AsyncJobs, JobHandle, Jobs
from luce._media import Source
from luce._music_types import Composition
from luce._requests import AgentOptions, MusicOptions, PaintOptions
from luce._sync import SyncTransport
from luce._types import Alignment, Blob, Embeddings, Feeling, Imagined, MusicDescription, Painting

Transport = TypeVar("Transport", SyncTransport, AsyncTransport)


class _Base(Generic[Transport]):
    """What both clients share: where the server is, and the core."""

    _transport: Transport

    def __init__(
        self,
        server: str | None = None,
        *,
        api_key: str | None = None,
        tls: bool | None = None,
        root_certificates: bytes | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        retry: Retry = DEFAULT_RETRY,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._target = Target(
            address=server or default_server(),
            api_key=api_key,
            tls=tls,
            root_certificates=root_certificates,
            limits=limits,
        )
        self._core = Core(timeout=timeout, retry=retry, limits=limits)
        self._transport = self._connect()

    def _connect(self) -> Transport:
        raise NotImplementedError

    @property
    def server(self) -> str:
        """The server's address, "host:port"."""
        return self._target.address

    def __repr__(self) -> str:
        key = "'********'" if self._target.api_key else "None"
        return f"{type(self).__name__}({self.server!r}, api_key={key})"


class Client(_Base[SyncTransport]):
    """Blocking client. Threads may share it; close it, or use it in a `with` block.

    Args:
        server: "host:port" of the gateway's gRPC door. Left out: `LUCE_SERVER`, or the running local stack.
        api_key: Sent as `authorization: Bearer ...`.
        tls: Encrypt the channel. Left out: no, and then an API key is only sent to this machine.
        root_certificates: PEM of the authorities to trust; left out: the system's.
        timeout: How long each kind of waiting may last.
        retry: When a call is sent again.
        limits: Channels, message sizes and keepalive.

    Raises:
        ValueError: An API key would leave this machine unencrypted.

    Every method raises `luce.LuceError`: the server's own error, or `Unavailable` and `DeadlineExceeded` on the way.
    """

    def _connect(self) -> SyncTransport:
        return SyncTransport(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until the server answers; `Unavailable` after `timeout` seconds (left out: `Timeout.connect`)."""
        self._transport.run(self._core.connect(timeout))

    @property
    def jobs(self) -> Jobs:
        """Work that was handed in."""
        return Jobs(self._core, self._transport)

    def paint(
        self,
        audio: Source | None = None,
        prompt: str = "",
        *,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
        **options: Unpack[PaintOptions],
    ) -> Painting:
        """Paint pictures to music, to words, or to both, and wait for them.

        An interrupt (Ctrl-C), the timeout, and an error in `on_event` cancel the job.

        Args:
            audio: A path, bytes, or a file opened for bytes.
            prompt: Your own words: the concept, which the music colours. At most 1000 characters.
            timeout: Seconds for all of it; left out: `Timeout.job`.
            on_event: Called with each event while it happens.
            options: See `PaintOptions`: n, seed, steps, guidance_scale, size, negative_prompt, preview_every,
                best_of, frames, animation_format, idempotency_key; and `AgentOptions`: without, baseline, mind, minds,
                explain.
        """
        return self._transport.run(self._core.paint(audio, prompt, timeout, options), on_event)

    def submit_paint(
        self,
        audio: Source | None = None,
        prompt: str = "",
        *,
        timeout: float | None = None,
        **options: Unpack[PaintOptions],
    ) -> JobHandle:
        """Hand in a painting without waiting for it; arguments as for `paint`."""
        job = self._transport.run(self._core.submit_paint(audio, prompt, timeout, options))
        return JobHandle(job, self._core, self._transport)

    def describe(
        self,
        audio: Source,
        *,
        brief: bool = False,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
    ) -> MusicDescription:
        """What a piece of music says of itself.

        It is a job, so that music may be long; an interrupt, the timeout and an error in `on_event` cancel it.

        Args:
            audio: A path, bytes, or a file opened for bytes.
            brief: Only what is measured and felt: no tags, captions and texts, in less time.
            timeout: Seconds for all of it; left out: `Timeout.job`.
            on_event: Called with each event while it happens.
        """
        return self._transport.run(self._core.describe(audio, timeout, brief), on_event)

    def imagine(
        self,
        music: Source | MusicDescription | None = None,
        text: str = "",
        *,
        n: int = 4,
        seed: int = 0,
        timeout: float | None = None,
        **options: Unpack[AgentOptions],
    ) -> Imagined:
        """Turn music, words or both into prompts for pictures, without painting them.

        Args:
            music: A path, bytes, a file opened for bytes, or what `describe` has told of it.
            text: Your own words: the concept, which the music colours. At most 1000 characters.
            n: How many prompts, 1..8; they differ.
            seed: Same music, words and seed: same prompts (where the agents think by rules).
            timeout: Seconds for all of it; left out: `Timeout.job`.
            options: See `AgentOptions`: without, baseline, mind, minds, explain.
        """
        return self._transport.run(self._core.imagine(music, text, n, seed, timeout, options))

    def compose(
        self,
        text: str = "",
        *,
        midi: Source | None = None,
        variation: float | None = None,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
        **options: Unpack[MusicOptions],
    ) -> Composition:
        """Write music that feels like a text, goes on from a MIDI file or varies it, and wait for it.

        An interrupt (Ctrl-C), the timeout, and an error in `on_event` cancel the job.

        Args:
            text: A story, a poem, a few words: 1..16000 characters. May be left out where there is `midi`.
            midi: A MIDI file to go on from: in its metre, and in its key and tempo where no others are asked for.
            variation: Vary the MIDI file instead: the share of its bars that are written anew, 0.05..1.
            timeout: Seconds for all of it; left out: `Timeout.job`.
            on_event: Called with each event while it happens.
            options: See `MusicOptions`: seconds, seed, n, candidates, instruments, key, time_signature, tempo_bpm,
                audio_format, emotion, stream, idempotency_key.
        """
        submission = self._core.submit_compose(text, midi, variation, timeout, options)
        return self._transport.run(self._core.write_music(submission, timeout), on_event)

    def submit_compose(
        self,
        text: str = "",
        *,
        midi: Source | None = None,
        variation: float | None = None,
        timeout: float | None = None,
        **options: Unpack[MusicOptions],
    ) -> JobHandle:
        """Hand in a text without waiting for its music (`JobHandle.composition`); arguments as for `compose`."""
        job = self._transport.run(self._core.submit_compose(text, midi, variation, timeout, options))
        return JobHandle(job, self._core, self._transport)

    def score(
        self,
        media: Source,
        *,
        accents: bool = False,
        mux: bool = False,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
        **options: Unpack[MusicOptions],
    ) -> Composition:
        """Write music that fits a picture or a video, and wait for it.

        An interrupt (Ctrl-C), the timeout, and an error in `on_event` cancel the job.

        Args:
            media: A path, bytes, or a file opened for bytes: an image (jpeg, png, webp), or a video (mp4, mov, webm,
                mkv).
            accents: Of a video: stress the notes at its cuts.
            mux: Of a video: write it once more with its music, as the piece's file "video".
            timeout: Seconds for all of it; left out: `Timeout.job`.
            on_event: Called with each event while it happens.
            options: See `MusicOptions`.
        """
        submission = self._core.submit_score(media, accents, mux, timeout, options)
        return self._transport.run(self._core.write_music(submission, timeout), on_event)

    def submit_score(
        self,
        media: Source,
        *,
        accents: bool = False,
        mux: bool = False,
        timeout: float | None = None,
        **options: Unpack[MusicOptions],
    ) -> JobHandle:
        """Hand in a picture or a video without waiting for its music (`JobHandle.composition`); as for `score`."""
        job = self._transport.run(self._core.submit_score(media, accents, mux, timeout, options))
        return JobHandle(job, self._core, self._transport)

    def feel(self, media: Source | None = None, *, text: str | None = None, timeout: float | None = None) -> Feeling:
        """How an image, a piece of music (as it goes on, too) or a text feels.

        Args:
            media: A path, bytes, or a file opened for bytes.
            text: English words instead, 1..8192 characters.
            timeout: Seconds for all of it; left out: `Timeout.job`.
        """
        return self._transport.run(self._core.feel(media, text, timeout))

    def align(self, image: Source, audio: Source, *, timeout: float | None = None) -> Alignment:
        """How well an image and a piece of music fit, in emotion and in meaning, and why.

        Args:
            image: A path, bytes, or a file opened for bytes.
            audio: Likewise; a MIDI file has an emotion alone.
            timeout: Seconds for all of it; left out: `Timeout.job`.
        """
        return self._transport.run(self._core.align(image, audio, timeout))

    def embed(
        self, texts: Sequence[str] = (), *, media: Sequence[Source] = (), timeout: float | None = None
    ) -> Embeddings:
        """Texts (0..64), and images and recordings (0..16), as vectors in the space that all of them share.

        Args:
            texts: Texts.
            media: Paths, bytes, or files opened for bytes.
            timeout: Seconds for all of it; left out: `Timeout.job`, for texts alone `Timeout.call`.
        """
        return self._transport.run(self._core.embed(texts, media, timeout))

    def upload(self, source: Source) -> Blob:
        """Store one file on the server."""
        return self._transport.run(self._core.upload(source))

    def download(self, blob: Blob) -> bytes:
        """Read one file back, checked against its size and sha256."""
        return self._transport.run(self._core.download(blob))


class AsyncClient(_Base[AsyncTransport]):
    """Client for an event loop: make it on the loop that uses it; close it, or use it in an `async with` block.

    Arguments, methods and errors are those of `Client`. A cancelled `paint` cancels its job.
    """

    def _connect(self) -> AsyncTransport:
        return AsyncTransport(self._target)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def wait_ready(self, timeout: float | None = None) -> None:
        """See `Client.wait_ready`."""
        await self._transport.run(self._core.connect(timeout))

    @property
    def jobs(self) -> AsyncJobs:
        """Work that was handed in."""
        return AsyncJobs(self._core, self._transport)

    async def paint(
        self,
        audio: Source | None = None,
        prompt: str = "",
        *,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
        **options: Unpack[PaintOptions],
    ) -> Painting:
        """See `Client.paint`; `on_event` may be a coroutine function."""
        return await self._transport.run(self._core.paint(audio, prompt, timeout, options), on_event)

    async def submit_paint(
        self,
        audio: Source | None = None,
        prompt: str = "",
        *,
        timeout: float | None = None,
        **options: Unpack[PaintOptions],
    ) -> AsyncJobHandle:
        """See `Client.submit_paint`."""
        job = await self._transport.run(self._core.submit_paint(audio, prompt, timeout, options))
        return AsyncJobHandle(job, self._core, self._transport)

    async def describe(
        self,
        audio: Source,
        *,
        brief: bool = False,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
    ) -> MusicDescription:
        """See `Client.describe`; `on_event` may be a coroutine function."""
        return await self._transport.run(self._core.describe(audio, timeout, brief), on_event)

    async def imagine(
        self,
        music: Source | MusicDescription | None = None,
        text: str = "",
        *,
        n: int = 4,
        seed: int = 0,
        timeout: float | None = None,
        **options: Unpack[AgentOptions],
    ) -> Imagined:
        """See `Client.imagine`."""
        return await self._transport.run(self._core.imagine(music, text, n, seed, timeout, options))

    async def compose(
        self,
        text: str = "",
        *,
        midi: Source | None = None,
        variation: float | None = None,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
        **options: Unpack[MusicOptions],
    ) -> Composition:
        """See `Client.compose`; `on_event` may be a coroutine function."""
        submission = self._core.submit_compose(text, midi, variation, timeout, options)
        return await self._transport.run(self._core.write_music(submission, timeout), on_event)

    async def submit_compose(
        self,
        text: str = "",
        *,
        midi: Source | None = None,
        variation: float | None = None,
        timeout: float | None = None,
        **options: Unpack[MusicOptions],
    ) -> AsyncJobHandle:
        """See `Client.submit_compose`."""
        job = await self._transport.run(self._core.submit_compose(text, midi, variation, timeout, options))
        return AsyncJobHandle(job, self._core, self._transport)

    async def score(
        self,
        media: Source,
        *,
        accents: bool = False,
        mux: bool = False,
        timeout: float | None = None,
        on_event: Callable[[JobEvent], object] | None = None,
        **options: Unpack[MusicOptions],
    ) -> Composition:
        """See `Client.score`; `on_event` may be a coroutine function."""
        submission = self._core.submit_score(media, accents, mux, timeout, options)
        return await self._transport.run(self._core.write_music(submission, timeout), on_event)

    async def submit_score(
        self,
        media: Source,
        *,
        accents: bool = False,
        mux: bool = False,
        timeout: float | None = None,
        **options: Unpack[MusicOptions],
    ) -> AsyncJobHandle:
        """See `Client.submit_score`."""
        job = await self._transport.run(self._core.submit_score(media, accents, mux, timeout, options))
        return AsyncJobHandle(job, self._core, self._transport)

    async def feel(
        self, media: Source | None = None, *, text: str | None = None, timeout: float | None = None
    ) -> Feeling:
        """See `Client.feel`."""
        return await self._transport.run(self._core.feel(media, text, timeout))

    async def align(self, image: Source, audio: Source, *, timeout: float | None = None) -> Alignment:
        """See `Client.align`."""
        return await self._transport.run(self._core.align(image, audio, timeout))

    async def embed(
        self, texts: Sequence[str] = (), *, media: Sequence[Source] = (), timeout: float | None = None
    ) -> Embeddings:
        """See `Client.embed`."""
        return await self._transport.run(self._core.embed(texts, media, timeout))

    async def upload(self, source: Source) -> Blob:
        """See `Client.upload`."""
        return await self._transport.run(self._core.upload(source))

    async def download(self, blob: Blob) -> bytes:
        """See `Client.download`."""
        return await self._transport.run(self._core.download(blob))
