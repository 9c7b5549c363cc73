"""From written music (MIDI) to a description: the notes tell all; emotion by the model `note_emotion`."""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from luce.server.inference import InferenceClient
from luce.server.jobs.patience import Patience, at_once
from luce.server.music.emotion_input import note_rows
from luce.server.music.key import KeyEstimate, estimate_key
from luce.server.music.midi import MidiMusic, read_midi, steadiness_of
from luce.server.music.notes import Notes
from luce.server.music.programs import ensemble_of, instruments_of
from luce.server.music.spectra import FloatArray
from luce.v1 import agents_pb2
from services.agents.emotions import emotions_of, tell_emotions

MODEL: Final = "note_emotion"

# Of the piano roll from which the key is told, as in `luce.server.music.pitch`.
_FRAMES_PER_SECOND: Final = 10.0
_CLEAR: Final = 0.5
# Loudness of a piece whose velocities are all 0, and how much louder one is whose velocities are all 127.
_SOFTEST_LUFS, _LOUDER_LU = -36.0, 26.0


class Reader:
    """Describes written music.

    Args:
        inference: A client of the model server.
        rows: Rows of one call to the model.
        timeout_s: Longest call to the model, seconds.
    """

    def __init__(self, inference: InferenceClient, *, rows: int = 256, timeout_s: float = 20.0) -> None:
        self._inference = inference
        self._rows = rows
        self._timeout_s = timeout_s

    async def read(self, data: bytes) -> MidiMusic:
        """The notes of a MIDI file. Raises what `read_midi` raises."""
        return await asyncio.to_thread(read_midi, data)

    async def feel(
        self, piece: MidiMusic, *, patience: Patience = at_once
    ) -> tuple[agents_pb2.MusicDescription, FloatArray, str]:
        """What is measured and felt, the row of the whole piece that the model read, and the model's version.

        Raises:
            Unavailable: The model server is away.
            DeadlineExceeded: It takes too long.
        """
        rows = await asyncio.to_thread(note_rows, piece.notes, piece.seconds, written=True)
        emotion, uncertainty, version = await patience(
            lambda: emotions_of(self._inference, MODEL, rows, most=self._rows, timeout_s=self._timeout_s)
        )
        return await asyncio.to_thread(measured, piece, emotion, uncertainty), rows[-1], version


def orchestra_of(piece: MidiMusic) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The instruments of a file by its programs, and the style by its ensemble, where that tells one."""
    instruments = instruments_of(piece.programs, drums=piece.drum_onsets_s.size > 0)
    style = ensemble_of(instruments)
    return instruments, (style,) if style else ()


def measured(piece: MidiMusic, emotion: FloatArray, uncertainty: FloatArray) -> agents_pb2.MusicDescription:
    """What written music says, without words.

    Tempo and metre are believed as far as the notes keep to them: what was played freely into a file keeps to nothing.
    The loudness is a guess from the velocities.

    Args:
        piece: What was read.
        emotion: (W + 1, 2), valence and arousal of each window, then of the whole.
        uncertainty: (W + 1, 2), their standard deviations.
    """
    steadiness = steadiness_of(piece)
    steady = steadiness >= _CLEAR
    found = key_of(piece.notes, piece.seconds)
    meter = piece.meter if steady else None
    music = agents_pb2.MusicDescription(
        duration_s=piece.seconds,
        tempo_bpm=tempo_of(piece) if steady else 0.0,
        tempo_confidence=steadiness,
        beat_times=piece.beat_times if steady else (),
        key=found.name if found.tonic is not None else "",
        key_confidence=found.confidence,
        time_signature=f"{meter.numerator}/{meter.denominator}" if meter is not None else "",
        time_signature_confidence=steadiness if piece.meter is not None else 0.0,
        loudness_lufs=_SOFTEST_LUFS + _LOUDER_LU * float(piece.notes.amplitude.mean()),
    )
    tell_emotions(music, piece.seconds, emotion, uncertainty)
    return music


def tempo_of(piece: MidiMusic) -> float:
    """The tempo that holds for longest, beats a minute (a beat is that of the time signature)."""
    ends = np.append(piece.tempo_times_s[1:], max(piece.seconds, float(piece.tempo_times_s[-1])))
    lengths = np.clip(np.minimum(ends, piece.seconds) - piece.tempo_times_s, 0.0, None)
    # Gradual changes are written as many tempi: those within 1 % count as one.
    steps = np.round(np.log(piece.tempo_bpm) / np.log(1.01))
    together = np.array([lengths[steps == step].sum() for step in steps])
    quarters_per_beat = piece.meter.quarters_per_beat if piece.meter is not None else 1.0
    return float(piece.tempo_bpm[int(together.argmax())]) / quarters_per_beat


def key_of(notes: Notes, seconds: float) -> KeyEstimate:
    """The key of written notes; key signatures are not believed, because most files hold none or the wrong one."""
    count = max(1, int(np.ceil(seconds * _FRAMES_PER_SECOND)))
    begins = np.clip((notes.onset_s * _FRAMES_PER_SECOND).astype(np.int64), 0, count - 1)
    ends = np.clip(np.ceil(notes.offset_s * _FRAMES_PER_SECOND).astype(np.int64), begins + 1, count)
    changes = np.zeros((count + 1, 128), np.float32)
    np.add.at(changes, (begins, notes.pitch), 1.0)
    np.add.at(changes, (ends, notes.pitch), -1.0)
    roll = changes.cumsum(axis=0)[:count] > 0.5
    # Octaves of one pitch class lie twelve apart: 132 pitches are eleven whole octaves.
    chroma = np.pad(roll, ((0, 0), (0, 4))).reshape(count, 11, 12).sum(axis=1).astype(np.float32)
    lowest = np.where(roll.any(axis=1), roll.argmax(axis=1), np.nan).astype(np.float32)
    return estimate_key(chroma, lowest, 1.0, 1.0)
