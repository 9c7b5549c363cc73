"""The spectrogram of a recording on a logarithmic frequency axis, with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

LOWEST_HZ: Final = 40.0
HIGHEST_HZ: Final = 10_000.0
MOST_COLUMNS: Final = 1600
_BINS: Final = 256
_FRAME: Final = 4096
_RANGE_DB: Final = 70.0
_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Spectrogram:
    """Levels over time and frequency.

    Attributes:
        levels_db: (frequencies, columns) float32 below the loudest, -70..0.
        seconds: Length of the recording.
        low_hz: Centre of the first row.
        high_hz: Centre of the last row; rows between lie at equal ratios.
    """

    levels_db: npt.NDArray[np.float32]
    seconds: float
    low_hz: float
    high_hz: float


def spectrogram(samples: npt.NDArray[np.float32], sample_rate: int) -> Spectrogram:
    """The spectrogram of mono samples, of at most 1600 columns however long they are.

    Where a column stands for more time than one frame, the loudest of several frames in it counts, so that no note is
    lost between two columns. Memory beside the samples is bounded.
    """
    high = min(HIGHEST_HZ, 0.45 * sample_rate)
    rows = np.geomspace(LOWEST_HZ, high, _BINS)
    hop = max(_FRAME // 8, -(-samples.size // (4 * MOST_COLUMNS)))
    padded = np.pad(samples, (_FRAME // 2, _FRAME // 2))
    starts = np.arange(0, max(samples.size, 1), hop)
    window = np.hanning(_FRAME).astype(np.float32)
    frequencies = np.fft.rfftfreq(_FRAME, 1 / sample_rate)
    frames = np.empty((_BINS, starts.size), np.float32)
    for first in range(0, starts.size, _AT_ONCE):
        chunk = starts[first : first + _AT_ONCE]
        pieces = np.stack([padded[start : start + _FRAME] for start in chunk]) * window
        power = np.square(np.abs(np.fft.rfft(pieces, axis=1)))
        for column, spectrum in enumerate(power, first):
            frames[:, column] = np.interp(rows, frequencies, spectrum)
    step = -(-starts.size // MOST_COLUMNS)
    filled = np.pad(frames, ((0, 0), (0, -starts.size % step)), mode="edge")
    levels = 10 * np.log10(filled.reshape(_BINS, -1, step).max(axis=2) + 1e-12)
    relative = np.clip(levels - max(float(levels.max()), -60.0), -_RANGE_DB, 0.0).astype(np.float32)
    return Spectrogram(relative, samples.size / sample_rate, LOWEST_HZ, high)
