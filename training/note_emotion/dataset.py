"""The labelled pieces as they are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.emotion_input import note_rows
from luce.server.music.midi import read_midi
from luce.server.music.notes import Notes
from luce.server.music.spectra import FloatArray
from training.music_emotion import labels
from training.music_emotion.dataset import Dataset, Labelled, collect
from training.music_emotion.sources import window_labels
from training.music_emotion.takes import bar_edges

#: Excerpts of each piece beside the whole of it, since a stranger's file may be short, and their length in seconds.
EXCERPTS, EXCERPT_SECONDS = 2, 30.0


def written_rows(piece: labels.Piece) -> list[Labelled]:
    """A VGMIDI piece as written (version 0), and excerpts of it in other keys."""
    notes = read_midi(piece.file.read_bytes()).notes
    edges, emotion = bar_edges(piece)
    end = float(edges[-1])
    result = [_labelled(piece, 0, notes.between(0.0, end), end, emotion, edges)]
    generator = np.random.default_rng(int(labels.fraction(piece.name, "excerpt") * 2**32))
    for version in range(1, EXCERPTS + 1):
        length = min(EXCERPT_SECONDS, end)
        start = float(generator.uniform(0, end - length))
        part = notes.between(start, start + length)
        moved = part.pitch + generator.integers(-2, 3, dtype=np.int16)
        louder = np.clip(part.amplitude * generator.uniform(0.8, 1.2), 0, 1).astype(np.float32)
        varied = Notes(part.onset_s, part.offset_s, moved, louder)
        result.append(_labelled(piece, version, varied, length, emotion, edges - start))
    return result


def _labelled(
    piece: labels.Piece, version: int, notes: Notes, seconds: float, emotion: FloatArray, edges: npt.NDArray[np.float64]
) -> Labelled:
    rows = note_rows(notes, seconds, written=True)
    centres = (np.arange(len(rows) - 1) + min(5.0, seconds) / 2).astype(np.float32)
    windows = window_labels(emotion, edges, centres)
    mean = emotion.mean(axis=0) if version == 0 else np.nanmean(windows, axis=0)
    return Labelled(piece.name, version, piece.held_out, rows, np.concatenate([windows, mean[None]]))


def written(data: Path) -> Dataset:
    """All of VGMIDI as written."""
    return collect(part for piece in labels.vgmidi(data) for part in written_rows(piece))


def written_clips(data: Path, per_quadrant: int) -> Dataset:
    """EMOPIA clips as written, with the signs of their quadrants; all a check."""
    parts: list[Labelled] = []
    for quadrant in (1, 2, 3, 4):
        clips = [path for path, number in labels.emopia(data) if number == quadrant]
        signs = np.array([1 if quadrant in (1, 4) else -1, 1 if quadrant in (1, 2) else -1], np.float32)
        for path in sorted(clips, key=lambda path: labels.fraction(path.name))[:per_quadrant]:
            midi = read_midi(path.read_bytes())
            rows = note_rows(midi.notes, midi.seconds, written=True)
            parts.append(Labelled(path.name, 0, True, rows, np.tile(signs, (len(rows), 1))))
    return collect(parts)
