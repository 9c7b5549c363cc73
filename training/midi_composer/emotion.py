"""The emotion of scores by the served model `note_emotion`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from luce.server.music.composing.score import GRID, Score
from luce.server.music.note_descriptors import describe_notes
from luce.server.music.notes import Notes

MODEL = Path("model_repository/note_emotion/1/model.onnx")
#: Loudness of every note, the mean of VGMIDI's: an excerpt's emotion is that of its notes, not of a player.
AMPLITUDE = 0.8


def sounding(score: Score, bpm: float) -> Notes:
    """The score's notes in seconds."""
    step = 60 / bpm / GRID
    ends = (score.onset + score.length) * step
    return Notes.sorted(score.onset * step, ends, score.pitch, np.full(score.count, AMPLITUDE))


def described(score: Score, bpm: float) -> npt.NDArray[np.float32]:
    """(37,) the descriptors of the whole score."""
    notes = sounding(score, bpm)
    seconds = float(notes.offset_s.max())
    found: npt.NDArray[np.float32] = describe_notes(notes, np.zeros(1), seconds, seconds=seconds, written=True)[0]
    return found


class NoteEmotion:
    """Valence and arousal of scores."""

    def __init__(self, model: Path = MODEL) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, score: Score, bpm: float) -> npt.NDArray[np.float32]:
        """(2,) in [-1, 1]."""
        rows = described(score, bpm)[None]
        found: npt.NDArray[np.float32] = self._session.run(["emotion"], {"descriptors": rows})[0][0]
        return found
