"""Reading what is learned from: recordings, MIDI files, and labels by segment."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pretty_midi

from luce.server.music.descriptors import WINDOW_SECONDS
from luce.server.music.spectra import SAMPLE_RATE, FloatArray


def decode(path: Path) -> FloatArray:
    """Decode a recording to mono float32 at 22050 Hz."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        pieces = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        pieces += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(pieces)


def load_midi(path: Path) -> pretty_midi.PrettyMIDI:
    """Read a MIDI file, quietly: many carry tempo events on tracks where they do not belong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return pretty_midi.PrettyMIDI(str(path))


def window_labels(emotion: FloatArray, edges: npt.NDArray[np.float64], centres: FloatArray) -> FloatArray:
    """Mean emotion over each window (W, 2): the segments (S, 2) weighted by their overlap with it.

    ``edges`` (S + 1,) are the segments' bounds and ``centres`` (W,) the windows' middles, in seconds. Windows that
    touch no segment are NaN.
    """
    low, high = centres[:, None] - WINDOW_SECONDS / 2, centres[:, None] + WINDOW_SECONDS / 2
    overlap = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)
    total = overlap.sum(axis=1, keepdims=True)
    mean = overlap @ emotion / np.where(total > 0, total, 1)
    return np.where(total > 0, mean, np.nan).astype(np.float32)
