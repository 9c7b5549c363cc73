"""A recording, piece by piece as it is decoded, into all that is heard in it: notes, signal, and what a model tells.

Three ears hear each piece at the same time: the signal is analysed here, `note_transcriber` writes down the notes, and
`audio_encoder` tells instruments and styles. None runs ahead of the slowest by more than `_AHEAD` pieces, so that a
long recording never stands in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import numpy as np

from luce.errors import Internal
from luce.server.inference import InferenceClient, InferResult
from luce.server.jobs.patience import Patience, at_once
from luce.server.jobs.together import together
from luce.server.music.analysis import Analyzer, MusicAnalysis
from luce.server.music.mel_windows import MelWindows
from luce.server.music.notes import Notes
from luce.server.music.spectra import SAMPLE_RATE, FloatArray
from luce.server.music.transcription import PITCHES, WINDOW_FRAMES, NoteTracker, WindowCutter
from luce.v1 import agents_pb2, emotion_pb2
from services.agents import encoding
from services.agents.emotions import emotions_of, tell_emotions
from services.agents.encoding import HeardWindows, WindowEncoder

MODEL: Final = "music_emotion"
TRANSCRIBER: Final = "note_transcriber"
"""Hears the notes."""

#: Samples that go to all ears at a time: ten seconds, 0.9 MB.
_PIECE: Final = 10 * SAMPLE_RATE
#: Pieces that may wait for an ear.
_AHEAD: Final = 2
#: Windows of one call to the transcriber, 1.6 s each: its graph is fastest with few.
_WINDOWS: Final = 4
#: Calls to the transcriber under way, so that it never waits for us.
_ASKED: Final = 3

T = TypeVar("T")
OnSeconds = Callable[[float], Awaitable[None]]
"""Takes seconds of a recording that have been listened to."""


@dataclass(frozen=True, eq=False)
class Heard:
    """A recording that was listened to.

    Attributes:
        analysis: Of the signal and the notes.
        windows: What `audio_encoder` heard; None where it was not asked.
        models: Name and version of each model that took part.
    """

    analysis: MusicAnalysis
    windows: HeardWindows | None
    models: Mapping[str, str]


class Listener:
    """Listens to recordings.

    Args:
        inference: A client of the model server.
        threads: How many pieces are analysed at once.
        rows: Rows of one call to the emotion model.
        timeout_s: Longest call to a model, seconds.
    """

    def __init__(
        self, inference: InferenceClient, *, threads: int = 2, rows: int = 256, timeout_s: float = 20.0
    ) -> None:
        self._inference = inference
        self._rows = rows
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="listen")

    def close(self) -> None:
        """Take no more work; what is being analysed ends on its own."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def listen(
        self,
        blocks: AsyncIterator[FloatArray],
        *,
        encode: bool = True,
        patience: Patience = at_once,
        on_windows: Callable[[HeardWindows], None] = lambda _: None,
        on_seconds: OnSeconds | None = None,
    ) -> Heard:
        """Hear a recording to its end: about 30 ms of processor time per second of music.

        Args:
            blocks: Mono samples at 22050 Hz, float32, in blocks of any length.
            encode: Whether `audio_encoder` hears as well.
            patience: How models are called.
            on_windows: Told what the encoder heard, which may be before the rest is done.
            on_seconds: Told how many seconds have been taken up by the slowest ear, to a few pieces.

        Raises:
            Whatever `blocks` raises,
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        models: dict[str, str] = {}
        analyzer = Analyzer()
        queues: list[asyncio.Queue[FloatArray | None]] = [asyncio.Queue(_AHEAD) for _ in range(3 if encode else 2)]
        async with together() as group:
            group.create_task(_share(blocks, queues, on_seconds))
            analysing = group.create_task(self._analyse(queues[0], analyzer))
            transcribing = group.create_task(self._transcribe(queues[1], models, patience))
            encoding_ = group.create_task(self._encode(queues[2], models, patience, on_windows)) if encode else None
        await analysing
        notes = await transcribing
        analysis = await self._run(partial(analyzer.finish, notes))
        return Heard(analysis, await encoding_ if encoding_ is not None else None, models)

    async def feel(
        self, heard: Heard, *, patience: Patience = at_once
    ) -> tuple[agents_pb2.MusicDescription, FloatArray | None, str]:
        """What was measured and felt, the row of the whole that the model read, and the model's version.

        Silence needs no model: None and "" then.

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        analysis = heard.analysis
        if analysis.silent:
            return measured(analysis, None, None), None, ""
        rows = await self._run(lambda: analysis.emotion_rows)
        emotion, uncertainty, version = await patience(
            lambda: emotions_of(self._inference, MODEL, rows, most=self._rows, timeout_s=self._timeout_s)
        )
        return measured(analysis, emotion, uncertainty), rows[-1], version

    async def _analyse(self, pieces: asyncio.Queue[FloatArray | None], analyzer: Analyzer) -> None:
        async for piece in _taken(pieces):
            await self._run(partial(analyzer.feed, piece))

    async def _transcribe(
        self, pieces: asyncio.Queue[FloatArray | None], models: dict[str, str], patience: Patience
    ) -> Notes:
        cutter, tracker, samples = WindowCutter(), NoteTracker(), 0
        asked: deque[tuple[int, asyncio.Task[InferResult]]] = deque()

        async def take(left: int) -> None:
            """Track the notes of the oldest answers until only so many calls are under way."""
            while len(asked) > left:
                count, call = asked.popleft()
                result = await call
                notes, onsets = result.outputs["notes"], result.outputs["onsets"]
                if not notes.shape == onsets.shape == (count, WINDOW_FRAMES, PITCHES):
                    raise Internal(f"{TRANSCRIBER} answered {notes.shape} for {count} windows")
                models[TRANSCRIBER] = result.version
                await self._run(partial(tracker.feed, notes, onsets))

        async with together() as group:

            async def write_down(windows: FloatArray) -> None:
                for first in range(0, len(windows), _WINDOWS):
                    cut = windows[first : first + _WINDOWS]
                    infer = partial(self._inference.infer, TRANSCRIBER, {"audio": cut}, deadline=self._timeout_s)
                    asked.append((len(cut), group.create_task(patience(infer))))
                    await take(_ASKED - 1)

            async for piece in _taken(pieces):
                samples += piece.size
                await write_down(cutter.feed(piece))
            await write_down(cutter.finish())
            await take(0)
        return await self._run(partial(tracker.finish, samples))

    async def _encode(
        self,
        pieces: asyncio.Queue[FloatArray | None],
        models: dict[str, str],
        patience: Patience,
        on_windows: Callable[[HeardWindows], None],
    ) -> HeardWindows:
        mels, samples = MelWindows(), 0
        encoder = WindowEncoder(self._inference, timeout_s=self._timeout_s, patience=patience)
        async for piece in _taken(pieces):
            samples += piece.size
            await encoder.feed(await self._run(partial(mels.feed, piece)))
        await encoder.feed(await self._run(mels.finish))
        windows = await encoder.finish(samples / SAMPLE_RATE)
        models[encoding.MODEL] = windows.version
        on_windows(windows)
        return windows

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _share(
    blocks: AsyncIterator[FloatArray], queues: list[asyncio.Queue[FloatArray | None]], on_seconds: OnSeconds | None
) -> None:
    """Give every queue the recording in pieces of ten seconds, then None."""
    held: list[FloatArray] = []
    size = given = 0
    async for block in blocks:
        held.append(block)
        size += block.size
        while size >= _PIECE:
            joined = np.concatenate(held)
            for queue in queues:
                await queue.put(joined[:_PIECE])
            held, size, given = [joined[_PIECE:]], size - _PIECE, given + _PIECE
            if on_seconds is not None:
                await on_seconds(given / SAMPLE_RATE)
    rest: list[FloatArray | None] = [np.concatenate(held)] if size else []
    for last in [*rest, None]:
        for queue in queues:
            await queue.put(last)


async def _taken(queue: asyncio.Queue[FloatArray | None]) -> AsyncIterator[FloatArray]:
    while (piece := await queue.get()) is not None:
        yield piece


def measured(
    analysis: MusicAnalysis, emotion: FloatArray | None, uncertainty: FloatArray | None
) -> agents_pb2.MusicDescription:
    """What an analysis says, without words.

    Silence is given as neutral in valence, -1 in arousal, without a curve.

    Args:
        analysis: What was measured.
        emotion: (W + 1, 2), valence and arousal of each window, then of the whole; None where silent.
        uncertainty: (W + 1, 2), their standard deviations; None where silent.
    """
    music = agents_pb2.MusicDescription(
        duration_s=analysis.seconds,
        tempo_bpm=analysis.tempo.bpm or 0.0,
        tempo_confidence=analysis.tempo.confidence,
        tempo_alternatives=analysis.tempo.alternatives,
        beat_times=analysis.tempo.beat_times,
        key=analysis.key.name if analysis.key.tonic is not None else "",
        key_confidence=analysis.key.confidence,
        key_alternatives=analysis.key.alternatives,
        time_signature=analysis.metre.name or "",
        time_signature_confidence=analysis.metre.confidence,
        loudness_lufs=analysis.loudness.integrated_lufs,
        silent=analysis.silent,
    )
    if emotion is None or uncertainty is None:
        music.emotion.CopyFrom(emotion_pb2.Emotion(valence=0.0, arousal=-1.0))
    else:
        tell_emotions(music, analysis.seconds, emotion, uncertainty)
    return music
