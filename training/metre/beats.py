"""Where the beats and the first beats of the bars lie in half a minute of music."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.midi import MidiMusic
from training.evaluate.performances import SECONDS

Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Beats:
    """Times in seconds from the stretch's start: (B,) of beats, and (M,) of those that begin a bar."""

    beats: Times
    bars: Times

    @classmethod
    def within(cls, start: float, beats: Times, bars: Times) -> Beats:
        """Those of the stretch that begins at ``start``."""
        return cls(*(times[(times >= start) & (times < start + SECONDS)] - start for times in (beats, bars)))


def pop_beats(folder: Path, start: float, metre: str) -> Beats:
    """By the annotation of a POP909 song, whose second column marks groups of two or three, the third those of four."""
    annotated = np.loadtxt(folder / "beat_midi.txt")
    strong = annotated[:, 2 if metre == "4/4" else 1] > 0.5
    return Beats.within(start, annotated[:, 0], annotated[strong, 0])


def written_beats(midi: MidiMusic, start: float, factor: float = 1.0) -> Beats:
    """By the time signature that holds in the middle of the stretch.

    Args:
        midi: with a time signature.
        start: of the stretch, seconds, after the change of tempo.
        factor: all times are multiplied by it.
    """
    begun = [meter for meter in midi.meters if meter.start_s * factor <= start + SECONDS / 2] or [midi.meters[0]]
    current = begun[-1]
    after = [meter.start_s for meter in midi.meters if meter.start_s > current.start_s]
    times = midi.beat_times[midi.beat_times >= current.start_s - 1e-4]
    times = times[times < after[0]] if after else times
    return Beats.within(start, midi.beat_times * factor, times[:: current.beats_per_bar] * factor)
