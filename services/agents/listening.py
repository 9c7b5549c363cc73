"""From sound to a description: signal analysis here, emotion by the model `music_emotion`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.media import Audio
from luce.server.music.analysis import MusicAnalysis, analyze
from luce.server.music.descriptors import DESCRIPTOR_NAMES, SILENT_WINDOW_LUFS, WINDOW_SECONDS
from luce.v1 import agents_pb2, emotion_pb2
from services.agents.descriptors import complete
from services.agents.summary import summarize

MODEL: Final = "music_emotion"

_LOUDNESS: Final = DESCRIPTOR_NAMES.index("loudness")
# Keeps one overconfident window from being the whole piece.
_LEAST_VARIANCE: Final = 0.01


class Listener:
    """Describes music.

    Args:
        inference: A client of the model server.
        threads: How many pieces are analysed at once.
        rows: Rows of one call to the model.
        timeout_s: Longest call to the model, seconds.
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
        """Signal analysis, about 20 ms of processor time per second of music."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, analyze, audio.samples, audio.sample_rate)

    async def feel(self, analysis: MusicAnalysis) -> tuple[agents_pb2.MusicDescription, str]:
        """The description, and the version of the model that felt it ("" where silence needed none).

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        if analysis.silent:
            return describe(analysis, None, None), ""
        emotion, uncertainty, version = await self._emotions(analysis.descriptors.values)
        return describe(analysis, emotion, uncertainty), version

    async def _emotions(self, descriptors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
        emotions, uncertainties, version = [], [], ""
        for start in range(0, len(descriptors), self._rows):
            rows = np.ascontiguousarray(descriptors[start : start + self._rows], np.float32)
            result = await self._inference.infer(MODEL, {"descriptors": rows}, deadline=self._timeout_s)
            emotions.append(result.outputs["emotion"])
            uncertainties.append(result.outputs["uncertainty"])
            version = result.version
        emotion, uncertainty = np.concatenate(emotions), np.concatenate(uncertainties)
        if emotion.shape != (len(descriptors), 2) or not (
            np.isfinite(emotion).all() and np.isfinite(uncertainty).all()
        ):
            raise Internal(f"{MODEL} answered {emotion.shape} for {len(descriptors)} windows, or numbers not finite")
        return np.clip(emotion, -1.0, 1.0), np.maximum(uncertainty, 0.0), version


def describe(
    analysis: MusicAnalysis, emotion: NDArray[np.float32] | None, uncertainty: NDArray[np.float32] | None
) -> agents_pb2.MusicDescription:
    """The description of an analysis.

    The emotion of the whole is the mean over its audible windows, each weighted by its precision (1 / variance).
    Silence is given as neutral in valence, -1 in arousal, without a curve.

    Args:
        analysis: What was measured.
        emotion: (W, 2), valence and arousal of each window; None where silent.
        uncertainty: (W, 2), their standard deviations; None where silent.
    """
    music = agents_pb2.MusicDescription(
        duration_s=analysis.seconds,
        tempo_bpm=analysis.tempo.bpm or 0.0,
        tempo_confidence=analysis.tempo.confidence,
        key=analysis.key.name if analysis.key.tonic is not None else "",
        key_confidence=analysis.key.confidence,
        loudness_lufs=analysis.loudness.integrated_lufs,
        silent=analysis.silent,
    )
    if emotion is None or uncertainty is None:
        music.emotion.CopyFrom(emotion_pb2.Emotion(valence=0.0, arousal=-1.0))
    else:
        window_s = min(WINDOW_SECONDS, analysis.seconds)
        for centre, point, spread in zip(analysis.descriptors.times, emotion, uncertainty, strict=True):
            music.curve.points.add(
                start_s=max(0.0, float(centre) - window_s / 2),
                duration_s=window_s,
                emotion=emotion_pb2.Emotion(valence=float(point[0]), arousal=float(point[1])),
                valence_uncertainty=float(spread[0]),
                arousal_uncertainty=float(spread[1]),
            )
        audible = analysis.descriptors.values[:, _LOUDNESS] > SILENT_WINDOW_LUFS
        weights = np.where(audible.any() & ~audible, 0.0, 1.0)[:, np.newaxis] / (uncertainty**2 + _LEAST_VARIANCE)
        whole = (emotion * weights).sum(axis=0) / weights.sum(axis=0)
        music.emotion.CopyFrom(emotion_pb2.Emotion(valence=float(whole[0]), arousal=float(whole[1])))
    complete(music, analysis)
    music.summary = summarize(music)
    return music
