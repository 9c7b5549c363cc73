"""How written notes feel, by the model `note_emotion`, and which of several pieces is nearest to what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from luce.emotion import Emotion
from luce.errors import Internal
from luce.server.inference import InferenceClient
from luce.server.music.composing.planning import Moment
from luce.server.music.descriptors import WINDOW_SECONDS, window_starts
from luce.server.music.emotion_input import note_rows
from luce.server.music.notes import Notes
from luce.v1 import emotion_pb2

MODEL: Final = "note_emotion"
_MOST_ROWS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How a piece feels.

    Attributes:
        whole: Of the piece.
        starts_s: (W,) beginnings of the windows, seconds.
        seconds: Length of the piece.
        windows: (W, 2) valence and arousal of each.
        uncertainty: (W, 2) their standard deviations.
        version: Of the model.
    """

    whole: Emotion
    starts_s: NDArray[np.float64]
    seconds: float
    windows: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    version: str

    def distance(self, moments: Sequence[Moment]) -> float:
        """From what was asked for: of the whole where it is one feeling, else the mean over the windows."""
        if len(moments) == 1:
            return self.whole.distance(Emotion(moments[0].valence, moments[0].arousal))
        ends = np.cumsum([moment.seconds for moment in moments])
        middles = self.starts_s + min(WINDOW_SECONDS, self.seconds) / 2
        places = np.minimum(np.searchsorted(ends, middles), len(moments) - 1)
        asked = np.array([(moment.valence, moment.arousal) for moment in moments])[places]
        return float(np.hypot(*(self.windows - asked).T).mean())

    def curve(self) -> emotion_pb2.EmotionCurve:
        """The windows as a message."""
        curve = emotion_pb2.EmotionCurve()
        for start, point, spread in zip(self.starts_s, self.windows, self.uncertainty, strict=True):
            curve.points.add(
                start_s=float(start),
                duration_s=min(WINDOW_SECONDS, self.seconds),
                emotion=emotion_pb2.Emotion(valence=float(point[0]), arousal=float(point[1])),
                valence_uncertainty=float(spread[0]),
                arousal_uncertainty=float(spread[1]),
            )
        return curve


async def judge(inference: InferenceClient, notes: Notes, seconds: float, *, timeout_s: float) -> Judgement:
    """Feel the notes of a piece.

    Args:
        inference: A client of the model server.
        notes: Its pitched notes, at least one.
        seconds: Its length.
        timeout_s: Longest call, seconds.

    Raises:
        Unavailable, DeadlineExceeded, ResourceExhausted: From the inference client.
        Internal: The model answers another shape, or numbers that are not finite.
    """
    rows = await asyncio.to_thread(note_rows, notes, seconds, written=True)
    emotions, spreads, version = [], [], ""
    for start in range(0, len(rows), _MOST_ROWS):
        part = np.ascontiguousarray(rows[start : start + _MOST_ROWS], np.float32)
        result = await inference.infer(MODEL, {"descriptors": part}, deadline=timeout_s)
        emotions.append(result.outputs["emotion"])
        spreads.append(result.outputs["uncertainty"])
        version = result.version
    emotion, spread = np.concatenate(emotions), np.concatenate(spreads)
    if emotion.shape != (len(rows), 2) or not (np.isfinite(emotion).all() and np.isfinite(spread).all()):
        raise Internal(f"{MODEL} answered {emotion.shape} for {len(rows)} rows, or numbers not finite")
    felt = np.clip(emotion, -1.0, 1.0).astype(np.float32)
    return Judgement(
        whole=Emotion(float(felt[-1, 0]), float(felt[-1, 1])),
        starts_s=np.asarray(window_starts(seconds), np.float64),
        seconds=seconds,
        windows=felt[:-1],
        uncertainty=np.maximum(spread[:-1], 0.0).astype(np.float32),
        version=version,
    )
