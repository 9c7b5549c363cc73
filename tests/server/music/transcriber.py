"""The committed transcriber without a server."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import onnxruntime

from luce.server.music import transcription
from luce.server.music.notes import Notes
from luce.server.music.spectra import FloatArray

FOLDER = Path(__file__).resolve().parents[3] / "model_repository" / "note_transcriber"


@lru_cache(maxsize=1)
def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # As in its configuration: with two threads a row's last bits depend on its place in the batch.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(FOLDER / "1" / "model.onnx", options, providers=["CPUExecutionProvider"])


def transcribe(samples: FloatArray) -> Notes:
    notes, onsets = session().run(["notes", "onsets"], {"audio": transcription.windows(samples)})
    return transcription.track_notes(transcription.stitch(notes, onsets, samples.size))
