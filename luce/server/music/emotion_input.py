"""What the emotion models read: a row for each window of a piece, and a last one for the whole of it."""

from __future__ import annotations

import numpy as np

from luce.server.music.descriptors import (
    DESCRIPTOR_NAMES,
    SILENT_WINDOW_LUFS,
    WINDOW_SECONDS,
    DescriptorCurve,
    window_starts,
)
from luce.server.music.note_descriptors import NOTE_DESCRIPTOR_NAMES, describe_notes
from luce.server.music.notes import Notes
from luce.server.music.spectra import FloatArray

#: Columns of ``music_emotion``: the signal's descriptors, then the transcribed notes' (but the last, ``written``).
MUSIC_EMOTION_NAMES: tuple[str, ...] = (*DESCRIPTOR_NAMES, *(f"notes_{name}" for name in NOTE_DESCRIPTOR_NAMES[:-1]))
#: Columns of ``note_emotion``.
NOTE_EMOTION_NAMES: tuple[str, ...] = NOTE_DESCRIPTOR_NAMES


def note_rows(notes: Notes, seconds: float, *, written: bool) -> FloatArray:
    """Rows of ``note_emotion``, (W + 1, 37) float32: W windows of 5 s, one every second, then the whole piece."""
    starts, length = window_starts(seconds), min(WINDOW_SECONDS, seconds)
    parts = [
        describe_notes(notes, starts, length, seconds=seconds, written=written),
        describe_notes(notes, np.zeros(1), seconds, seconds=seconds, written=written),
    ]
    return np.concatenate(parts)


def music_rows(curve: DescriptorCurve, notes: Notes, seconds: float) -> FloatArray:
    """Rows of ``music_emotion``, (W + 1, 70) float32, in the order of :func:`note_rows`.

    The signal's descriptors of the whole piece are their mean over its audible windows.

    Args:
        curve: the signal's descriptors by window.
        notes: the transcription.
        seconds: duration of the piece.
    """
    audible = curve.values[:, DESCRIPTOR_NAMES.index("loudness")] > SILENT_WINDOW_LUFS
    heard = curve.values[audible] if audible.any() else curve.values
    signal = np.concatenate([curve.values, heard.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32)])
    return np.concatenate([signal, note_rows(notes, seconds, written=False)[:, :-1]], axis=1)
