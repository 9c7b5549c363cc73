"""Untrusted media decoded in processes of their own, which may crash, hang or swell without harm to anyone else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import MalformedMedia, PayloadTooLarge, ResourceExhausted, Unavailable, error_for_code
from luce.server.media import framing
from luce.server.media.audio import SAMPLE_RATE, Audio, AudioProbe
from luce.server.media.settings import MediaSettings
from luce.server.media.video import Video, VideoProbe

_log = logging.getLogger(__name__)

_START_TIMEOUT_S: Final = 30.0
_GRACE_S: Final = 2.0
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
_PIPE_LIMIT: Final = 1 << 20


class _Crashed(Exception):
    """The process ended in the middle of a file."""


class _Worker:
    """One decoder process. Used by one call at a time; killed rather than asked."""

    def __init__(
        self, process: asyncio.subprocess.Process, answers: asyncio.StreamReader, requests: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._answers = answers
        self._requests = requests

    @classmethod
    async def start(cls, memory_bytes: int) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "luce.server.media.worker",
            str(memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Nothing of our own environment (keys, addresses) is of use to whoever breaks a decoder.
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"OMP_NUM_THREADS": "1"},
            limit=_PIPE_LIMIT,
        )
        if process.stdout is None or process.stdin is None:
            raise OSError("the pipes were not made")
        return cls(process, process.stdout, process.stdin)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def call(self, header: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        """One answer. Raises `_Crashed`; after that, or after a cancellation, the process must be discarded."""
        try:
            for part in framing.pack(header, payload):
                self._requests.write(part)
            await self._requests.drain()
        except ConnectionError as error:
            raise _Crashed(str(error)) from error
        return await self.receive()

    async def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next answer of an operation that has several. Raises as `call`."""
        try:
            head, body = framing.unpack_prefix(await self._answers.readexactly(framing.PREFIX.size))
            answer: dict[str, Any] = json.loads(await self._answers.readexactly(head))
            return answer, await self._answers.readexactly(body)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            raise _Crashed(str(error)) from error

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._requests.close()
        await self._process.wait()


class MediaDecoder:
    """A few warm decoder processes, each killed and replaced when it crashes or exceeds its time.

    Calls beyond the number of processes wait in line, up to `max_waiting`; time in line does not count against the
    limit of a file. A cancelled call kills the process that works for it.

    Args:
        settings: The limits.
    """

    def __init__(self, settings: MediaSettings | None = None) -> None:
        self.settings = settings or MediaSettings()
        self._limits = self.settings.model_dump(mode="json")
        self._idle: list[_Worker] = []
        self._slots = asyncio.Semaphore(self.settings.workers)
        self._waiting = 0
        self._closed = False

    async def __aenter__(self) -> MediaDecoder:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start every process and let it answer once.

        Raises:
            Unavailable: A process does not start.
        """
        ended = await asyncio.gather(*(self._add_idle() for _ in range(self.settings.workers)), return_exceptions=True)
        for error in ended:
            if error is not None:
                await self.close()
                raise error

    async def _add_idle(self) -> None:
        self._idle.append(await self._new_worker())

    async def close(self) -> None:
        """Kill every process; calls under way fail with `Unavailable`."""
        self._closed = True
        idle, self._idle = self._idle, []
        for worker in idle:
            await worker.kill()

    async def probe(self, data: bytes, *, field: str = "audio") -> AudioProbe:
        """`audio.probe` in a decoder process; the same errors, and those of `audio`."""
        answer, _ = await self._call("probe", data, field, self.settings.probe_timeout_s)
        return AudioProbe(**answer)

    async def audio(self, data: bytes, *, sample_rate: int = SAMPLE_RATE, field: str = "audio") -> Audio:
        """`audio.decode` in a decoder process.

        Raises:
            The errors of `audio.decode`, and
            MalformedMedia: The file crashes the decoder.
            PayloadTooLarge: The file takes longer than the time limit.
            ResourceExhausted: Too many calls wait.
            Unavailable: The decoder is closed, or no process starts.
        """
        limit = self.settings.decode_timeout_s
        answer, payload = await self._call("audio", data, field, limit, sample_rate=sample_rate)
        return Audio(samples=np.frombuffer(payload, np.float32), **answer)

    async def audio_blocks(
        self, data: bytes, *, sample_rate: int = SAMPLE_RATE, field: str = "audio"
    ) -> AsyncGenerator[NDArray[np.float32], None]:
        """The samples of `audio`, each block (n,) as soon as it is decoded.

        The process waits for whoever takes the blocks, so that no more of a file than a block or two is ever held, and
        is held until the end: close the generator. Time between blocks does not count against the limit of a file.

        Raises:
            The errors of `audio`; some may come after blocks.
        """
        left = limit = self.settings.decode_timeout_s
        header = self._header("blocks", field, limit, sample_rate=sample_rate)
        for attempt in (1, 2):
            begun = False
            try:
                async with self._worker() as worker:
                    started = time.monotonic()
                    async with asyncio.timeout(left):
                        answer, payload = await worker.call(header, data)
                    while answer.get("more"):
                        left -= time.monotonic() - started
                        begun = True
                        yield np.frombuffer(payload, np.float32)
                        started = time.monotonic()
                        async with asyncio.timeout(max(left, 0.0)):
                            answer, payload = await worker.receive()
                _told(answer)
                return
            except TimeoutError as error:
                raise _too_slow(field, limit) from error
            except _Crashed as error:
                self._note_crash(attempt, field, len(data), error)
                if begun or attempt == 2:
                    raise MalformedMedia(f"{field} does not decode: the decoder crashed", field=field) from error

    async def image(self, data: bytes, *, field: str = "image") -> NDArray[np.uint8]:
        """`image.decode` in a decoder process; errors as in `audio`."""
        answer, payload = await self._call("image", data, field, self.settings.decode_timeout_s)
        return np.frombuffer(payload, np.uint8).reshape(answer["shape"])

    async def probe_video(self, data: bytes, *, field: str = "media") -> VideoProbe:
        """`video.probe` in a decoder process; the same errors, and those of `audio`."""
        answer, _ = await self._call("probe_video", data, field, self.settings.probe_timeout_s)
        return VideoProbe(**answer)

    async def video(self, data: bytes, *, field: str = "media") -> Video:
        """`video.decode` in a decoder process; the same errors, and those of `audio`."""
        answer, payload = await self._call("video", data, field, self.settings.video_timeout_s)
        frames = np.frombuffer(payload, np.uint8).reshape(answer.pop("shape"))
        times, cuts = tuple(answer.pop("times_s")), tuple(answer.pop("cuts_s"))
        return Video(frames=frames, times_s=times, cuts_s=cuts, **answer)

    async def mux(self, data: bytes, pcm: NDArray[np.int16], sample_rate: int, *, field: str = "media") -> bytes:
        """`muxing.mux` in a decoder process; the same errors, and those of `audio`."""
        told = {"sample_rate": sample_rate, "video_bytes": len(data)}
        _, payload = await self._call("mux", data + pcm.tobytes(), field, self.settings.video_timeout_s, **told)
        return payload

    def _header(self, operation: str, field: str, limit_s: float, **more: Any) -> dict[str, Any]:
        return {
            "operation": operation,
            "field": field,
            "settings": self._limits,
            "kill_after_s": limit_s + _GRACE_S,
            **more,
        }

    async def _call(
        self, operation: str, data: bytes, field: str, limit_s: float, **more: Any
    ) -> tuple[dict[str, Any], bytes]:
        header = self._header(operation, field, limit_s, **more)
        # A process that was killed from outside while idle is nobody's fault: one more try, in a new one.
        for attempt in (1, 2):
            try:
                async with self._worker() as worker, asyncio.timeout(limit_s):
                    answer, payload = await worker.call(header, data)
                break
            except TimeoutError as error:
                raise _too_slow(field, limit_s) from error
            except _Crashed as error:
                self._note_crash(attempt, field, len(data), error)
                if attempt == 2:
                    raise MalformedMedia(f"{field} does not decode: the decoder crashed", field=field) from error
        return _told(answer), payload

    def _note_crash(self, attempt: int, field: str, size: int, error: _Crashed) -> None:
        _log.warning("a media decoder process crashed (attempt %d, %s of %d bytes)", attempt, field, size)
        if self._closed:
            raise Unavailable("the media decoder is closed") from error

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[_Worker]:
        """A process for one call; it goes back to the idle ones only where the call ended well."""
        if self._waiting >= self.settings.max_waiting and self._slots.locked():
            raise ResourceExhausted(
                f"{self._waiting} files wait for a media decoder", limit=str(self.settings.max_waiting), retry_after=1.0
            )
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        worker = None
        try:
            if self._closed:
                raise Unavailable("the media decoder is closed")
            worker = await self._take()
            yield worker
            if not self._closed:
                self._idle.append(worker)
                worker = None
        finally:
            self._slots.release()
            if worker is not None:
                await worker.kill()

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        return await self._new_worker()

    async def _new_worker(self) -> _Worker:
        """A process that has answered once: its start does not count against the time of a file."""
        try:
            worker = await _Worker.start(self.settings.worker_memory_bytes)
        except OSError as error:
            raise Unavailable(f"a media decoder process does not start: {error.strerror}", retry_after=1.0) from error
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await worker.call(self._header("probe", "audio", _START_TIMEOUT_S), b"")
        except (_Crashed, TimeoutError) as error:
            await worker.kill()
            raise Unavailable("a media decoder process does not start", retry_after=1.0) from error
        except BaseException:
            await worker.kill()
            raise
        return worker


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer. Raises the error where it tells of one."""
    if "error" in answer:
        told = dict(answer["error"])
        raise error_for_code(told.pop("code"))(told.pop("message"), **told)
    return answer


def _too_slow(field: str, limit_s: float) -> PayloadTooLarge:
    return PayloadTooLarge(f"{field} takes longer than {limit_s:g} s to decode", field=field, limit=f"{limit_s:g} s")
