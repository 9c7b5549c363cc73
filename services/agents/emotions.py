"""Rows of descriptors through an emotion model, and its answers into a description."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.music.descriptors import WINDOW_SECONDS, window_starts
from luce.server.music.emotion_whole import emotion_of_whole
from luce.v1 import agents_pb2, emotion_pb2


async def emotions_of(
    inference: InferenceClient, model: str, rows: NDArray[np.float32], *, most: int, timeout_s: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Valence and arousal of each row, (n, 2) in [-1, 1]; their standard deviations, (n, 2); the model's version.

    Args:
        inference: A client of the model server.
        model: Its name; it reads `descriptors`.
        rows: (n, f), at least one.
        most: Rows of one call.
        timeout_s: Longest call, seconds.

    Raises:
        Unavailable, DeadlineExceeded, ResourceExhausted: From the inference client.
        Internal: The model answers another shape, or numbers that are not finite.
    """
    emotions, uncertainties, version = [], [], ""
    for start in range(0, len(rows), most):
        part = np.ascontiguousarray(rows[start : start + most], np.float32)
        result = await inference.infer(model, {"descriptors": part}, deadline=timeout_s)
        emotions.append(result.outputs["emotion"])
        uncertainties.append(result.outputs["uncertainty"])
        version = result.version
    emotion, uncertainty = np.concatenate(emotions), np.concatenate(uncertainties)
    if emotion.shape != (len(rows), 2) or not (np.isfinite(emotion).all() and np.isfinite(uncertainty).all()):
        raise Internal(f"{model} answered {emotion.shape} for {len(rows)} rows, or numbers not finite")
    return np.clip(emotion, -1.0, 1.0), np.maximum(uncertainty, 0.0), version


def tell_emotions(
    music: agents_pb2.MusicDescription,
    seconds: float,
    emotion: NDArray[np.float32],
    uncertainty: NDArray[np.float32],
) -> None:
    """Put the curve and the emotion of the whole into a description.

    Args:
        music: The description.
        seconds: Duration of the piece.
        emotion: (W + 1, 2), valence and arousal of each of the piece's windows, then of the whole.
        uncertainty: (W + 1, 2), their standard deviations.
    """
    window_s = min(WINDOW_SECONDS, seconds)
    for start, point, spread in zip(window_starts(seconds), emotion[:-1], uncertainty[:-1], strict=True):
        music.curve.points.add(
            start_s=float(start),
            duration_s=window_s,
            emotion=emotion_pb2.Emotion(valence=float(point[0]), arousal=float(point[1])),
            valence_uncertainty=float(spread[0]),
            arousal_uncertainty=float(spread[1]),
        )
    valence, arousal = emotion_of_whole(emotion, uncertainty)
    music.emotion.CopyFrom(emotion_pb2.Emotion(valence=float(valence), arousal=float(arousal)))
