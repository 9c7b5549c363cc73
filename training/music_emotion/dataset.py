"""Rows of descriptors with their labels, made from transcribed takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from luce.server.music.descriptors import DescriptorCurve
from luce.server.music.emotion_input import music_rows, note_rows
from luce.server.music.spectra import FloatArray
from training.music_emotion import takes
from training.music_emotion.takes import Take


@dataclass(frozen=True)
class Dataset:
    """Rows of one source.

    Attributes:
        descriptors: (N, F) float32.
        emotion: (N, 2) float32 valence and arousal.
        piece: (N,) index of the piece.
        version: (N,) version of the piece; 0 is the unaltered one, on which figures are taken.
        whole: (N,) bool, whether the row describes a whole take rather than a window.
        held_out: (N,) bool.
    """

    descriptors: FloatArray
    emotion: FloatArray
    piece: npt.NDArray[np.int64]
    version: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]
    held_out: npt.NDArray[np.bool_]

    def select(self, rows: npt.NDArray[Any]) -> Dataset:
        """The rows chosen by a mask or by indices."""
        return Dataset(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def signal_and_notes(take: Take) -> FloatArray:
    """The input of ``music_emotion`` for a take."""
    return music_rows(DescriptorCurve(take.times, take.descriptors), take.notes, take.seconds)


def heard_notes(take: Take) -> FloatArray:
    """The input of ``note_emotion`` for a take."""
    return note_rows(take.notes, take.seconds, written=False)


@dataclass(frozen=True)
class Labelled:
    """Rows of one take with what is true of them."""

    piece: str
    version: int
    held_out: bool
    rows: FloatArray
    emotion: FloatArray


def labelled(take: Take, describe: Callable[[Take], FloatArray]) -> Labelled:
    """Describe a take; the emotion of the whole is the mean over its windows, unknown ones left out."""
    known = take.emotion[np.isfinite(take.emotion).all(axis=1)]
    mean = known.mean(axis=0, keepdims=True) if len(known) else np.full((1, 2), np.nan, np.float32)
    return Labelled(take.piece, take.version, take.held_out, describe(take), np.concatenate([take.emotion, mean]))


def collect(parts: Iterable[Labelled], *, keep_unknown: bool = False) -> Dataset:
    """Join takes; rows without a label are left out, or kept with zeros."""
    found: list[Dataset] = []
    numbers: dict[str, int] = {}
    for part in parts:
        count = len(part.rows)
        known = np.isfinite(part.emotion).all(axis=1)
        rows = Dataset(
            part.rows,
            np.nan_to_num(part.emotion).astype(np.float32),
            np.full(count, numbers.setdefault(part.piece, len(numbers))),
            np.full(count, part.version),
            np.arange(count) == count - 1,
            np.full(count, part.held_out),
        )
        found.append(rows if keep_unknown else rows.select(np.asarray(known)))
    return Dataset(*(np.concatenate([getattr(rows, name) for rows in found]) for name in Dataset.__dataclass_fields__))


def load(data: Path, cache: Path, fonts: list[Path], describe: Callable[[Take], FloatArray]) -> dict[str, Dataset]:
    """The sources ``vgmidi``, ``emotify``, ``non_music`` and ``emopia`` (a check: signs of quadrants, all held out)."""
    stored = takes.load(data, cache, fonts)
    result: dict[str, Dataset] = {}
    for name in ("vgmidi", "emotify", "non_music", "emopia"):
        chosen = [take for key, part in stored.items() if key.startswith(name) for take in part]
        result[name] = collect((labelled(take, describe) for take in chosen), keep_unknown=name == "non_music")
    return result
