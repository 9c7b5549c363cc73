"""From sound to a description: notes by `note_transcriber`, signal analysis here, emotion by `music_emotion`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.media import Audio
from luce.server.music import transcription
from luce.server.music.analysis import MusicAnalysis, analyze
from luce.server.music.notes import Notes
from luce.server.music.transcription import PITCHES, WINDOW_FRAMES
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.descriptors import complete
from services.agents.emotions import emotions_of, tell_emotions
from services.agents.summary import summarize

MODEL: Final = "music_emotion"
TRANSCRIBER: Final = "note_transcriber"
"""Hears the notes."""

# Windows of one call, 26 s of music: the model's largest batch, and 2.8 MB of samples.
_WINDOWS: Final = 16


class Listener:
    """Describes music.

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

    async def analyze(self, audio: Audio) -> MusicAnalysis:
        """Transcription, then signal analysis: together about 30 ms of processor time per second of music.

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        loop = asyncio.get_running_loop()
        notes = await self.transcribe(audio.samples)
        return await loop.run_in_executor(self._threads, analyze, audio.samples, audio.sample_rate, notes)

    async def transcribe(self, samples: NDArray[np.float32]) -> Notes:
        """The notes of mono samples at 22050 Hz. Raises as `analyze` does."""
        notes: list[NDArray[np.float32]] = []
        onsets: list[NDArray[np.float32]] = []
        for first in range(0, transcription.window_count(samples.size), _WINDOWS):
            cut = transcription.windows_from(samples, first, _WINDOWS)
            result = await self._inference.infer(TRANSCRIBER, {"audio": cut}, deadline=self._timeout_s)
            for name, parts in (("notes", notes), ("onsets", onsets)):
                if result.outputs[name].shape != (len(cut), WINDOW_FRAMES, PITCHES):
                    raise Internal(f"{TRANSCRIBER} answered {result.outputs[name].shape} for {len(cut)} windows")
                parts.append(np.asarray(result.outputs[name], np.float32))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _track, notes, onsets, samples.size)

    async def feel(self, analysis: MusicAnalysis) -> tuple[agents_pb2.MusicDescription, str]:
        """The description, and the version of the model that felt it ("" where silence needed none).

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        if analysis.silent:
            return describe(analysis, None, None), ""
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._threads, lambda: analysis.emotion_rows)
        emotion, uncertainty, version = await emotions_of(
            self._inference, MODEL, rows, most=self._rows, timeout_s=self._timeout_s
        )
        return describe(analysis, emotion, uncertainty), version


def _track(notes: list[NDArray[np.float32]], onsets: list[NDArray[np.float32]], sample_count: int) -> Notes:
    posteriors = transcription.stitch(np.concatenate(notes), np.concatenate(onsets), sample_count)
    return transcription.track_notes(posteriors)


def describe(
    analysis: MusicAnalysis, emotion: NDArray[np.float32] | None, uncertainty: NDArray[np.float32] | None
) -> agents_pb2.MusicDescription:
    """The description of an analysis.

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
    complete(music, analysis)
    music.summary = summarize(music)
    return music
