"""Where a video cuts from one shot to the next."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SHORTEST_S: Final = 0.8
"""Shots are at least so long, seconds; of two closer cuts the clearer one is kept."""

# A cut changes a thumbnail by this much (0..1) and by a multiple of what its surroundings change.
_LEAST_CHANGE: Final = 0.12
_TIMES_AROUND: Final = 3.0
_AROUND_S: Final = 1.0
_BINS: Final = 8
_HISTOGRAM_SHARE: Final = 0.5


class Thumbnails:
    """Changes from frame to frame of a video.

    The change is the mean of the absolute difference of the pixels and of the difference of colour histograms: the
    first sees a new arrangement, the second is not fooled by a moving camera. A cut stands out from its surroundings,
    which a fast pan does not (adaptive thresholds: Lienhart 1999, "Comparison of automatic shot boundary detection
    algorithms").
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._changes: list[float] = []
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def add(self, at_s: float, pixels: NDArray[np.uint8]) -> None:
        """The next frame: when it is shown, seconds, and its thumbnail, uint8 (h, w, 3) of one size for all."""
        values = np.asarray(pixels / 255.0, np.float32)
        cells = (pixels // (256 // _BINS)).reshape(-1, 3).astype(np.int64)
        counts = np.bincount(cells @ (_BINS * _BINS, _BINS, 1), minlength=_BINS**3)
        histogram = np.asarray(counts / len(cells), np.float32)
        if self._last is not None:
            moved = float(np.abs(values - self._last[0]).mean())
            recoloured = float(np.abs(histogram - self._last[1]).sum()) / 2.0
            self._times.append(at_s)
            self._changes.append((1.0 - _HISTOGRAM_SHARE) * moved + _HISTOGRAM_SHARE * recoloured)
        self._last = (values, histogram)

    def cuts(self, duration_s: float) -> list[float]:
        """When new shots begin, seconds, ascending; none within `SHORTEST_S` of the beginning, the end or another."""
        times, changes = np.array(self._times), np.array(self._changes)
        candidates = []
        for index in np.flatnonzero(changes >= _LEAST_CHANGE).tolist():
            near = np.abs(times - times[index]) <= _AROUND_S
            near[index] = False
            around = float(changes[near].mean()) if near.any() else 0.0
            inside = SHORTEST_S <= times[index] <= duration_s - SHORTEST_S
            if inside and changes[index] >= _TIMES_AROUND * around:
                candidates.append(index)
        chosen: list[float] = []
        # The clearest first; what lies too close to one of them is the same cut.
        for index in sorted(candidates, key=lambda index: -changes[index]):
            if all(abs(times[index] - other) >= SHORTEST_S for other in chosen):
                chosen.append(float(times[index]))
        return sorted(chosen)
